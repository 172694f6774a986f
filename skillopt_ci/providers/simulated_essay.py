"""Filler prose of the simulated target: about the topic, of a wanted length, without any knowledge."""

import re

from skillopt_ci.core.digest import fraction
from skillopt_ci.providers.simulated_reading import joined, sentences, topic_of

LENGTHS = {"brief": 620, "usual": 820, "verbose": 2450}  # characters
_SENTENCES = (
    "The short answer for {0} depends on the goal for the next year.",
    "On balance the evidence points to a careful yes, as long as the first steps stay small.",
    "The main benefit is speed: what is learned early is cheap, what is learned late is not.",
    "The main cost is attention, which a small team has less of than money.",
    "Those who went before report mixed results, and most of them name timing as the reason.",
    "A pilot of six weeks with one clear measure would settle most of the open points.",
    "If the measure does not move in that time, the plan should be dropped without regret.",
    "Two other ways deserve a look: waiting for a quarter, and doing a smaller part of it by hand.",
    "Waiting keeps the options open but gives away what could be learned now.",
    "The smaller part shows the same effects at a fraction of the effort.",
    "People who carry the work should be asked first, since they see the details that plans leave out.",
    "Money matters less here than the order in which things are done.",
    "What can be undone should be tried, what cannot be undone should be discussed twice.",
    "Customers rarely ask for this, yet they notice when it is missing.",
    "The numbers that are known today are too few for a firm forecast.",
    "A review after three months keeps the decision honest.",
)
_SECTION = (
    "For {0}, the points above decide this part.",
    "What matters most here is that small problems are seen early.",
)


def essay(question: str, verbose: bool, brief: bool) -> str:
    """Paragraphs about a question's topic."""
    wanted = LENGTHS["verbose" if verbose else "brief" if brief else "usual"]
    wanted += int((fraction("length", question) - 0.5) * 0.16 * wanted)
    topic = topic_of(question)[:120]
    order = sorted(_SENTENCES[1:], key=lambda s: fraction("order", question, s))
    text, at = [_SENTENCES[0].format(topic)], 0
    while sum(map(len, text)) + len(text) < wanted:
        again = f"Seen from another angle ({at // len(order) + 1}): " if at >= len(order) else ""
        text.append(again + order[at % len(order)])
        at += 1
    return joined(" ".join(text[i : i + 4]) for i in range(0, len(text), 4))


def fill(title: str, question: str) -> str:
    """What stands under a section's heading."""
    return f"{_SECTION[0].format(topic_of(question)[:60])} {_SECTION[1]}" if title else ""


def cut(text: str, unit: str, limit: int) -> str:
    """Text of at most `limit` characters, words or sentences, cut at the end of a sentence where there is one."""
    if _size(text, unit) <= limit:
        return text
    kept = ""
    for sentence in sentences(text):
        longer = f"{kept} {sentence}".strip()
        if _size(longer, unit) > limit:
            break
        kept = longer
    if kept or unit == "sentences":
        return kept
    return " ".join(text.split()[:limit]) if unit == "words" else text[: max(0, limit)].rstrip()


def _size(text: str, unit: str) -> int:
    if unit == "characters":
        return len(text)
    return len(text.split()) if unit == "words" else len(re.findall(r"[.!?](?=\s|$)", text))
