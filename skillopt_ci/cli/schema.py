"""`schema`: the JSON Schema of skillopt.yml, for editors."""

import json

import click

from skillopt_ci.cli.console import Console, echo
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options


@click.command(help=COMMANDS["schema"])
def command() -> None:
    """See the help text above."""

    def body(_: Console) -> int:
        from skillopt_ci.config.json_schema import json_schema

        echo(json.dumps(json_schema(), indent=2))
        return 0

    run("schema", Options(), body)
