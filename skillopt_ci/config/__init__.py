"""`skillopt.yml`: its schema, and messages that say where."""
