"""`python -m skillopt_ci`."""

from skillopt_ci.cli.main import main

if __name__ == "__main__":
    main()
