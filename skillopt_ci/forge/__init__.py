"""git, and what becomes a pull request."""
