"""What a runner of GitHub Actions tells and is told."""
