"""What runs inside a sandbox, as its first process: `supervisor`, and what it stands on.

These modules are sent compiled to a Python that cannot see this package (`running.START`). So each imports only
modules that are built in or in `running.MODULES` before it, by full name; and as it starts before every command, none
of those that load slowly: `signal`, `socket`, `threading` and `json` take longer than all of Python.
"""
