"""Write the generated pages: `python docs/generate.py`; with --check only say which are out of date.

configuration.md comes from the JSON Schema of skillopt.yml, commands.md and graders.md from the commands and the
graders themselves. The table of graders in tasks.md is written by hand, and checked: it names every grader, option and
check, and no other.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from skillopt_ci.cli.main import COMMANDS, cli
from skillopt_ci.config.json_schema import json_schema
from skillopt_ci.config.words import wanted
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.rule_checks import KNOWN
from skillopt_ci.plugins import BUILTIN, load

HERE = Path(__file__).parent

_INTRO = """# Configuration: `skillopt.yml`

<!-- Written by docs/generate.py from the configuration's JSON Schema. Do not edit. -->

The file stands at the repository's root, or as `.github/skillopt.yml`; `--config PATH` names another. The smallest one:

```yaml
version: 1
target: {provider: openai, model: gpt-5.4-mini}
optimizer: {provider: anthropic, model: claude-opus-5}   # only `train` needs it
skills:
  - path: skills/invoices/SKILL.md
    tasks: [evals/invoices/tasks.jsonl]
    graders: [{type: exact}]
```

- Keys that are not known are errors.
- All problems are reported at once: `skillopt.yml:14:3: train: unknown key 'batchsize';
  perhaps you meant 'batch_size'?`
- Secrets never stand in the file: `api_key_env` holds the *name* of an environment variable. `${VAR}` is not expanded.
- What the SDKs read of the environment (`OPENAI_BASE_URL`, `OPENAI_CUSTOM_HEADERS`, `OPENAI_ORG_ID`,
  `OPENAI_PROJECT_ID`, `ANTHROPIC_BASE_URL`, `ANTHROPIC_CUSTOM_HEADERS`) goes to the vendor it is named after, or to the
  gateway that you set in its place: by that variable, or by a `base_url` of the provider `openai` or `anthropic`. A
  provider under another name with a `base_url` gets none of it, unless its `api_key_env` names the vendor's key. Azure
  OpenAI gets none of OpenAI's headers.
- Proxies and certificates are the environment's, too: `HTTPS_PROXY` and its like for both, `SSL_CERT_FILE` for the
  models' servers, `REQUESTS_CA_BUNDLE` for GitHub's.
- A skill may override `target`, `optimizer`, `judge`, `harness`, `split`, `train`, `gate` and `budget`. Only the keys
  that it sets win; the others are taken from the top level.
- `path: "skills/*/SKILL.md"` stands for many skills, and `{name}` in `tasks` for the skill's directory name:
  `tasks: ["evals/{name}/*.jsonl"]` (quoted, as `{` begins a mapping in YAML).
- YAML anchors and merge keys (`<<`, up to 40 levels deep) work. Tags do not; a file may have 1 MiB.
- `skillopt-ci schema` prints the JSON Schema. An editor with the YAML language server uses it through a first line
  `# yaml-language-server: $schema=skillopt.schema.json`.
"""


def page() -> str:
    """The whole page."""
    schema = json_schema()
    parts = [_INTRO, "\n## The file\n\n", *_table(schema, schema)]
    for title, place, model in _sections(schema):
        described = schema["$defs"][model]
        parts += [f"\n## `{title}`\n\n{described['description']}", f" {place}" if place else "", "\n\n"]
        parts += _table(schema, described)
    return "".join(parts)


def _sections(schema: dict[str, Any], holder: str = "", prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(title, a note, name of the model) of every mapping below the top level, in the file's order."""
    for key, value in (schema["$defs"][holder] if holder else schema)["properties"].items():
        model, many = _model(value)
        # A skill's overrides are described where the top level has them.
        if model is not None and not (holder == "SkillEntry" and key in schema["properties"]):
            title = f"{prefix}{key}{many}"
            yield title, "A mapping of names to these keys." if many == ".NAME" else "", model
            yield from _sections(schema, model, f"{title}.")


def _model(value: dict[str, Any]) -> tuple[str | None, str]:
    """The model a key's value refers to, and how it is repeated: `[]` in a list, `.NAME` in a mapping of names."""
    for many, part in (("", value), ("[]", value.get("items", {})), (".NAME", value.get("additionalProperties"))):
        options = [part, *part.get("anyOf", ())] if isinstance(part, dict) else []
        for option in options:
            if "$ref" in option:
                return option["$ref"].rpartition("/")[2], many
    return None, ""


def _table(schema: dict[str, Any], described: dict[str, Any]) -> list[str]:
    rows = ["| key | value | default | meaning |\n|---|---|---|---|\n"]
    needed = described.get("required", ())
    for key, value in described["properties"].items():
        default = "required" if key in needed else _default(value.get("default"))
        # pydantic leaves a description out where it equals the mapping's own
        meaning = value.get("description") or schema["$defs"][_model(value)[0]]["description"]
        rows.append(f"| `{key}` | {_value(value)} | {default} | {meaning} |\n")
    return rows


def _value(value: dict[str, Any]) -> str:
    model, many = _model(value)
    if model is None:
        return wanted(value).replace("|", "\\|")
    if any(option.get("type") == "string" for option in value.get("items", {}).get("anyOf", ())):
        return "a list of texts or mappings"
    return {"": "a mapping", "[]": "a list of mappings", ".NAME": "a mapping of names to mappings"}[many]


def _default(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, dict):
        return "see its keys"
    return f"`{value:g}`" if isinstance(value, float) else f"`{json.dumps(value)}`"


_COMMANDS = """# Commands

<!-- Written by docs/generate.py from the commands themselves. Do not edit. -->

Words for people go to stderr (live progress on a terminal, plain lines in a log), results to stdout: plain text at a
terminal; in a pipe, what commands that measure have to say is Markdown. `--json` writes the whole result, also when the
command fails. `NO_COLOR` is honoured. Where `GITHUB_STEP_SUMMARY` is set, the Markdown is added to that file as well,
unless `--summary` names another.

## Exit codes

| code | meaning |
|---|---|
| 0 | done; for `gate`: pass, not applicable, inconclusive with `on_inconclusive: pass`, or a fork without a key |
| 1 | regression, or a change of the rules that a maintainer must agree to |
| 2 | usage or configuration; for `check` and `doctor`: they found an error |
| 3 | inconclusive: too much is missing, a judge is not trusted, or undecided with `on_inconclusive: block` |
| 4 | the budget was reached; raise it and run the same command again |
| 5 | provider, authentication, git or forge |
| 130 | interrupted; the same command continues |
"""


def commands_page() -> str:
    """Every command with its options."""
    parts = [_COMMANDS]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        parts += [f"\n## `skillopt-ci {name}`\n\n", *_command(command, f"skillopt-ci {name}")]
        if isinstance(command, click.Group):
            for inner, sub in command.commands.items():
                parts += [f"\n### `skillopt-ci {name} {inner}`\n\n", *_command(sub, f"skillopt-ci {name} {inner}")]
    return "".join(parts)


def _command(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f"{(command.help or '').strip()}\n"
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    if arguments:
        yield f"\nArguments: {', '.join(f'`{a}`' for a in arguments)}\n"
    rows = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    shown = [row for row in rows if row is not None]
    if shown:
        yield "\n| option | meaning |\n|---|---|\n"
        for option, meaning in shown:
            yield f"| `{option.replace('|', ' / ')}` | {meaning.replace('|', ' / ')} |\n"


_GRADERS = """# Graders

<!-- Written by docs/generate.py from the graders themselves. Do not edit. -->

What each grader takes, as its own check of options knows it. [Tasks and graders](tasks.md) says how they are used, and
what the optimizer may read of them. Every grader also takes `hidden`: `true` keeps its words from the optimizer,
`false` shows them all.
"""
_TAKES = re.compile(r"\(it takes: (.*)\)$")
_KINDS = {"str": "text", "bool": "true or false", "int": "whole number", "float": "number", "dict": "mapping"}


def graders_page() -> str:
    """Every grader with its options, asked from what refuses them; one that its docstring leaves out is an error."""
    parts = [_GRADERS]
    for name in BUILTIN["graders"]:
        make = load("graders", name)
        described = inspect.cleandoc(make.__doc__ or "")
        options = {key: _kind(name, key) for key in _options(name)}
        missing = [key for key in options if f"`{key}`" not in described]
        if missing or not described:
            sys.exit(f"grader '{name}': its docstring says nothing about {', '.join(missing) or 'itself'}")
        parts.append(f"\n## `{name}`\n\n{described}\n")
        if options:
            parts += ["\n| option | value |\n|---|---|\n", *(f"| `{k}` | {v} |\n" for k, v in options.items())]
    return "".join(parts)


def _refusal(name: str, options: dict[str, object]) -> str:
    try:
        load("graders", name)(GraderSpec(type=name, options=options), None)
    except ConfigError as error:
        return str(error)
    sys.exit(f"grader '{name}' does not check its options")


def _options(name: str) -> list[str]:
    found = _TAKES.search(_refusal(name, {"?": 0}))
    return found[1].split(", ") if found and found[1] != "none" else []


def _kind(name: str, option: str) -> str:
    found = re.search(rf"'{option}' must be (.*), not object", _refusal(name, {option: object()}))
    kinds = (found[1] if found else "anything").replace("int or float", "float").split(" or ")
    return " or ".join(_KINDS.get(k, k) for k in kinds)


_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| ([^|]*) \| [^|]+ \|$", re.MULTILINE)


def tasks_page_problems(text: str) -> list[str]:
    """What the section `Graders` of tasks.md says other than the graders themselves."""
    section = text.partition("\n## Graders\n")[2].partition("\n### ")[0]
    rows: dict[str, set[str]] = {name: set(re.findall(r"`([a-z_0-9]+)`", row)) for name, row in _ROW.findall(section)}
    problems = [f"there is no grader '{name}'" for name in rows if name not in BUILTIN["graders"]]
    for name in BUILTIN["graders"]:
        said, true = rows.get(name), set(_options(name))
        if said is None:
            problems.append(f"grader '{name}' is not in the table")
        elif said != true:
            problems.append(
                f"grader '{name}' takes {', '.join(sorted(true))}; the table says {', '.join(sorted(said))}"
            )
    listed = re.search(r"^`rules` know (.*?)\.$", section, re.MULTILINE | re.DOTALL)
    # what stands in brackets are keys of a check, no checks
    ops = set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", listed[1]))) if listed else set()
    if ops != set(KNOWN):
        problems.append(f"the checks of 'rules' differ: {', '.join(sorted(ops ^ set(KNOWN)))}")
    return problems


PAGES = {"configuration.md": page, "commands.md": commands_page, "graders.md": graders_page}


def main() -> int:
    """Write the pages, or check them."""
    stale = []
    for name, made in PAGES.items():
        path, text = HERE / name, made()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name}: {'out of date; run: make docs' if '--check' in sys.argv else 'written'}")
    problems = tasks_page_problems((HERE / "tasks.md").read_text(encoding="utf-8"))
    for problem in problems:
        print(f"docs/tasks.md: {problem}")
    return 1 if problems or (stale and "--check" in sys.argv) else 0


if __name__ == "__main__":
    raise SystemExit(main())
