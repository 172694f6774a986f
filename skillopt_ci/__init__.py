"""skillopt-ci: train agent skills in CI, and block merges that make them worse."""

__version__ = "0.1.0"
