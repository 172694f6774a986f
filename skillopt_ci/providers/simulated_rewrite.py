"""The simulated optimizer writing a whole text: what it would propose as edits, put into the text."""

import re

from skillopt_ci.prompts import as_data, from_data
from skillopt_ci.providers.simulated_optimizer import reflect
from skillopt_ci.providers.simulated_prompts import inside

# gepa's reflection prompt: the text in a fence, then examples under headings, in a fence, too.
_GEPA = re.compile(
    r"\AI provided an assistant with the following instructions.*?\n```\n(?P<text>.*?)\n```\n\n.*?\n```\n"
    r"(?P<examples># Example 1\n.*)\n```\n\nYour task is to write a new instruction",
    re.DOTALL,
)
_EXAMPLE = re.compile(
    r"^# Example (\d+)\n## Inputs\n(.*?)\n\n## Generated Outputs\n(.*?)\n\n## Feedback\n(.*?)"
    r"(?=\n\n+# Example \d+\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_SCORE = re.compile(r"Score (\d\.\d+) of 1\. ?")


def rewrite(prompt: str, seed: str) -> dict[str, object]:
    """The skill of a prompt with the edits that its failures ask for."""
    answer = reflect(prompt, seed)
    text = from_data(inside(prompt, "skill"))
    edits = answer["edits"]
    for edit in edits if isinstance(edits, list) else []:
        target, content = from_data(str(edit["target"])), from_data(str(edit["content"]))
        if edit["op"] != "add":
            text = text.replace(target, content, 1)
        elif target and target in text:
            end = text.index(target) + len(target)
            text = f"{text[:end]}\n{content}{text[end:]}"
        else:
            text = f"{text.rstrip()}\n{content}"
    return {"reasoning": answer["reasoning"], "body": text}


def gepa_rewrite(prompt: str, seed: str) -> str | None:
    """The answer to gepa's reflection prompt: the new text in a fence; None for any other prompt."""
    asked = _GEPA.search(prompt)
    if asked is None:
        return None
    shown = []
    for number, task, answer, feedback in _EXAMPLE.findall(asked["examples"]):
        score = _SCORE.match(feedback)
        value = score[1] if score else "0.00"
        hint = feedback[score.end() :] if score else feedback
        inner = "".join(
            f"<{tag}>\n{as_data(text.strip())}\n</{tag}>\n"
            for tag, text in (("task", task), ("answer", answer), ("grader", hint))
        )
        shown.append(f'<rollout task="{number}" score="{value}">\n{inner}</rollout>')
    body = rewrite(f"<skill>\n{as_data(asked['text'])}\n</skill>\n\n" + "\n\n".join(shown), seed)["body"]
    return f"```\n{body}\n```"
