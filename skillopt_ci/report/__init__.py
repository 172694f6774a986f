"""Renderings of results: JSON, JUnit, Markdown, HTML."""
