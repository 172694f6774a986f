"""Entry point: a group whose commands are imported when they are called, so that help is instant."""

import sys
from importlib import import_module
from keyword import iskeyword

import click

from skillopt_ci import __version__

# name -> what it is for; `cli/<name>.py` holds the function `command` (`import_.py` for the keyword `import`). A test
# keeps the words in step with the commands' own.
COMMANDS = {
    "init": "Write a starter configuration and tasks for the skills of a repository.",
    "check": "Check configuration, skills, tasks and splits, offline; all of them, whatever FILES a hook names.",
    "plan": "Say what training and the gate will cost, before spending.",
    "eval": "Score a skill on one split of its tasks.",
    "train": "Train skills within the budget; run it again to resume.",
    "gate": "Compare changed skills with their base and block a regression.",
    "baseline": "Measure skills as they are and store the runs that gates compare with.",
    "calibrate": "Simulate the gate on your suite: false blocks, power, noisy tasks.",
    "power": "Say what loss a suite can show, and what a smaller one would take.",
    "judge": "Test the judge: samples with known verdicts, agreement with people.",
    "ablate": "Compare an empty body with the skill: does the body do anything?",
    "compare": "Train with several methods at equal budget and compare what comes of it.",
    "pr": "Open or update the pull request that a training run proposes: RUN_DIR, or the newest run of `train`.",
    "publish": "Post a gate's result (RESULT: what `gate --json` wrote) on GitHub: commit status and comment.",
    "doctor": "Say what keys, permissions, settings and workflow files lack.",
    "report": "Show the report of a training run (RUN_DIR, or the newest one), and make its page again.",
    "diff": "Compare two runs or two versions of a skill (A and B): tasks that moved, edits, cost.",
    "import": "Convert other tools' evaluation files (SOURCE: a file or a folder) to native tasks.",
    "ledger": "Look into the ledger of purchases, or merge two.",
    "schema": "Print the JSON Schema of skillopt.yml.",
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of a user's day, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"skillopt_ci.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; a name that is none gets the nearest one: click itself looks among imported commands."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from skillopt_ci.core.suggestion import closest

            near = closest(args[0], COMMANDS)
            hint = f" Did you mean '{near}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 regression, 2 usage or configuration, 3 inconclusive, 4 budget, "
    "5 provider, authentication or git, 130 interrupted.",
)
@click.version_option(__version__, "--version", prog_name="skillopt-ci")
def cli() -> None:
    """Train agent skills (SKILL.md) and block changes that make them worse."""


def main() -> None:
    """Run the command line; every way out has a documented exit code: click's own for Ctrl-C would say "regression"."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a log in a legacy encoding must not end a paid run
            reconfigure(errors="replace")
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        name, *words = sys.argv[1:] or [""]
        command = cli.get_command(click.Context(cli), name)
        if command is not None:
            from skillopt_ci.cli.guard import leave_usage_error

            leave_usage_error(name, command, words, error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
