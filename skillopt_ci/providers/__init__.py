"""Models behind one method, and the wrappers that retry, record and meter their calls."""
