"""Values and decisions. Nothing here reads a file, a clock, a network or a random source."""
