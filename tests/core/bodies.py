"""Markdown bodies for property tests: every kind of block, mixed and badly spaced, with words that occur once."""

from pathlib import Path

from hypothesis import strategies as st

from skillopt_ci.core.skill import Skill, parse_skill

REAL = Path(__file__).parents[1] / "data" / "skillopt-skills"

BLOCKS = [
    "# Heading {0} of it",
    "Setext {0}\n======",
    "A paragraph {0} of one line.",
    "A paragraph {0} of\ntwo lines {1}.",
    "- item {0}\n- item {1}\n- item {2}",
    "- item {0}\n  - child {1}\n  - child {2}\n- item {3}",
    "* loose {0}\n\n* loose {1}\n\n  with a paragraph {2}",
    "1. first {0}\n2. second {1}\n   - below {2}",
    "-\ttab {0}\n\t- tab child {1}\n- tab {2}",
    "- - twice {0}\n  - again {1}",
    "```python\n# not a heading {0}\n\n- not an item {1}\n```",
    "~~~\nfenced {0}\n~~~",
    "- item {0}\n\n  ```\n  code {1}\n\n  ```\n- item {2}",
    "| a | b |\n|---|---|\n| {0} | {1} |",
    "> quoted {0}\n> - quoted item {1}",
    "<div>\nmarkup {0}\n</div>",
    "<!-- comment {0} -->",
    "    indented code {0}",
    "---",
    "[{0}]: of-a-reference",
    "<!-- skillopt:protect -->\nkept {0}\n<!-- skillopt:end-protect -->",
    "<!-- SLOW_UPDATE_START -->\nguidance {0}\n<!-- SLOW_UPDATE_END -->",
    "a line separator \u2028 {0} \x0b\x0c and \u0085 more \u00a0",
]
FRONTMATTERS = ["", "---\nname: a\n---\n", "---\nname: a\nx-unknown: [1, 2]\n---\n\n", "\ufeff---\nname: a\n---"]


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Up to seven blocks; the n-th word of a body is `w007`, and no word stands twice."""
    parts: list[str] = []
    for number, block in enumerate(draw(st.lists(st.sampled_from(BLOCKS), max_size=7))):
        parts.append(block.format(*(f"w{number}{n}z" for n in range(4))))
        parts.append(draw(st.sampled_from(["\n\n", "\n\n", "\n", "\n\n\n"])))
    if parts and draw(st.booleans()):
        parts.pop()
    return draw(st.sampled_from(["", "", "\n", "\n\n"])) + "".join(parts)


@st.composite
def documents(draw: st.DrawFn) -> Skill:
    """A skill as a file would give it."""
    body, frontmatter = draw(bodies()), draw(st.sampled_from(FRONTMATTERS))
    if body and frontmatter and not frontmatter.endswith("\n"):
        frontmatter += "\n"
    if body.startswith("---\n") and not frontmatter:
        body = "\n" + body
    return skill(body, frontmatter)


@st.composite
def targets(draw: st.DrawFn, body: str) -> str:
    """Mostly text of the body: lines, runs of lines, words; sometimes nothing or what is not there."""
    lines = body.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["line", "line", "lines", "slice", "empty", "missing"]))
    if kind == "line":
        return lines[at]
    if kind == "lines":
        return "\n".join(lines[at : at + draw(st.integers(1, 4))])
    if kind == "slice":
        start = draw(st.integers(0, len(body)))
        return body[start : start + draw(st.integers(1, 30))]
    return "" if kind == "empty" else "this is not in the body"


CONTENTS = st.sampled_from(
    [
        "NEW rule",
        "- NEW item",
        "  - NEW item\n    NEW child",
        "2. NEW number",
        "# NEW heading\n\nNEW text",
        "```\nNEW code\n```",
        "```\nNEW code that stays open",
        "<!-- NEW comment that stays open",
        "| NEW | b |\n|---|---|\n| c | d |",
        "---\nname: NEW\n---",
        "===",
        "    NEW indented",
        "\n\nNEW padded\n\n",
        "NEW\r\nwith CRLF",
        "> NEW quote",
        "<!-- SLOW_UPDATE_START -->",
        "<!-- skillopt:end-protect -->",
        "_START -->",
        "",
        "  \n ",
        "- - -",
        "* * *",
    ]
)


def skill(body: str, frontmatter: str = "") -> Skill:
    """A skill of these texts."""
    return Skill(name="a", frontmatter=frontmatter, body=body)


def real_skills() -> list[Skill]:
    """Two skills that the method's authors published, protected regions included."""
    return [parse_skill(p.read_bytes(), path=p.name, name=p.parent.name) for p in sorted(REAL.glob("*/SKILL.md"))]
