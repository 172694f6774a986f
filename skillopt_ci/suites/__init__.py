"""Readers of task files, one small file a format."""
