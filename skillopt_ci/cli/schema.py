"""`schema`: the JSON Schema of skillopt.yml, for editors."""

import json

import click

from skillopt_ci.cli.main import COMMANDS


@click.command(help=COMMANDS["schema"])
def command() -> None:
    """See the help text above."""
    from skillopt_ci.config.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
