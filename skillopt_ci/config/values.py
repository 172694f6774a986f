"""Kinds of values in skillopt.yml: never converted, so that "4" is not a number, and checked one by one."""

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from skillopt_ci.config.words import looks_like_secret

Whole = Annotated[int, Strict(), Field(ge=0, le=2**53)]
Positive = Annotated[int, Strict(), Field(ge=1, le=2**53)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict(), Field(min_length=1)]


def _decimal(value: object) -> Decimal:
    """USD as written: a YAML number becomes the decimal of its shortest digits, not of its binary value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PydanticCustomError("number", "not a number")
    return Decimal(str(value))


def _variable_name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) and not looks_like_secret(value):
        return value
    # The value is not repeated: people put the key itself here.
    raise ValueError(
        "must be the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
        " (the value is not shown; if it is a key, revoke it)"
    )


def _base_url(value: str) -> str:
    if not re.match(r"https?://[^/?#\s]+", value) or re.search(r"\s", value):
        raise ValueError("must be a URL that begins with http:// or https://")
    if "@" in value.split("/")[2]:
        raise ValueError("must not hold a user name or password; name the key's environment variable in api_key_env")
    return value


def _safe_path(value: str) -> str:
    if value.startswith(("/", "~")) or "\\" in value or re.match(r"[A-Za-z]:", value):
        raise ValueError("must be a path relative to the repository's root, with forward slashes")
    if ".." in value.split("/"):
        raise ValueError("must not leave the repository: '..' is not allowed")
    return value


def _skill_path(value: str) -> str:
    if value.rpartition("/")[2].lower() != "skill.md":
        raise ValueError("must name a SKILL.md file, such as skills/invoices/SKILL.md")
    if "{" in value:
        raise ValueError("must not hold a placeholder; '*' stands for any directory name")
    return _safe_path(value)


def _task_pattern(value: str) -> str:
    if re.search(r"[{}]", value.replace("{name}", "")):
        raise ValueError("may hold one placeholder only: {name}, the skill's directory name")
    return _safe_path(value)


_LOGIN = "[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"


def _label(value: str) -> str:
    if len(value) > 50 or not value.isprintable() or value != value.strip():
        raise ValueError("must be the name of a label: one line of at most 50 characters")
    return value


def _login(value: str) -> str:
    if not re.fullmatch(_LOGIN, value):
        raise ValueError("must be the name of an account or a team, without '@' and without its organisation")
    return value


Usd = Annotated[
    Decimal, BeforeValidator(_decimal), Field(gt=0), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
PerMillion = Annotated[
    Decimal, BeforeValidator(_decimal), Field(ge=0), WithJsonSchema({"type": "number", "minimum": 0})
]

BaseUrl = Annotated[Text, AfterValidator(_base_url)]
VariableName = Annotated[Text, AfterValidator(_variable_name)]
SkillPath = Annotated[Text, AfterValidator(_skill_path)]
TaskPattern = Annotated[Text, AfterValidator(_task_pattern)]
Label = Annotated[Text, AfterValidator(_label), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 50})]
Login = Annotated[Text, AfterValidator(_login), WithJsonSchema({"type": "string", "pattern": f"^{_LOGIN}$"})]
