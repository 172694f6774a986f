"""From trajectories to edits."""
