"""Templates with variables, and nothing else."""

import pytest

from skillopt_ci.suites.templates import render, render_all, uses

VALUES = {"a": "x", "n": 4, "b": True, "m": {"k": ["y", {"z": 1}]}, "none": None, "dotted.name": "d"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{a}} {{ n }} {{ b }}", "x 4 true"),
        ("one\n {{- a }} two {{n -}} \n three {{-a-}} {{n}} {{- a", "onex two 4threex4 {{- a"),
        ("{{-}}", None),
        ("{{m.k[0]}}{{ m.k[1] }}", 'y{"z": 1}'),
        ("{{missing}}{{m.x.y}}{{m.k[9]}}{{none}}", ""),
        ("{{dotted.name}} {a} }}", "d {a} }}"),
        ("{{ a | upper }}", None),
        ("{% if a %}x{% endif %}", None),
        ("{# note #}", None),
        ("{{env.HOME}}", None),
        ("{{ a + 1 }}", None),
    ],
)
def test_render(text: str, expected: str | None) -> None:
    assert render(text, VALUES) == expected


@pytest.mark.parametrize("text", ["{{" * 100_000, "{{ a " * 50_000, "{{" + "a." * 100_000])
def test_braces_that_never_close_are_plain_text_at_once(text: str) -> None:
    """A pattern would look for the end from each of them: minutes for a file that a stranger wrote."""
    assert render(text, VALUES) == text
    assert not uses(text, "a")


def test_structures() -> None:
    assert render_all({"k": ["{{a}}", 1]}, VALUES) == {"k": ["x", 1]}
    with pytest.raises(ValueError, match="more than plain variables"):
        render_all(["{% x %}"], VALUES)
