"""`skillopt-ci` and `python -m skillopt_ci`."""

import os
import sys


def _open_streams() -> None:
    """Stdin, stdout and stderr may be closed: a file of ours that got the number of one would be written to as such."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def main() -> None:
    """Run the command line; Ctrl-C while its modules are still imported ends as quietly as later."""
    _open_streams()
    try:
        from skillopt_ci.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
