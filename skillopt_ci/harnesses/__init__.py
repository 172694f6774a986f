"""Ways to let a target model work on a task with a skill."""
