"""Running commands of strangers: what agents, their tools, set-up commands and script graders may touch."""
