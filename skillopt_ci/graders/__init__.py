"""From a trajectory to a score, with words that say why."""
