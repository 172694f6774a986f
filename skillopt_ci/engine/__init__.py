"""The loop: rollouts, training, comparison of two skills."""
