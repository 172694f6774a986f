"""`skillopt-ci` and `python -m skillopt_ci`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while its modules are still imported ends as quietly as later."""
    try:
        from skillopt_ci.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
