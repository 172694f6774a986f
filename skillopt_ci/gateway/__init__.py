"""The way from a sandbox to the model: holds the key, counts tokens, keeps the limits."""
