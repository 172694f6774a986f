"""The simulated target: answers a task as the skill says, as far as its grammar goes, with seeded noise."""

import json
import re
from dataclasses import dataclass, replace

from skillopt_ci.core.digest import fraction
from skillopt_ci.providers.simulated_essay import cut, essay, fill
from skillopt_ci.providers.simulated_grammar import Rule, Rulebook, read_rules
from skillopt_ci.providers.simulated_reading import Found, Reading, another, joined, look_up, read_task
from skillopt_ci.providers.simulated_values import Format, written

LIGHT_SKILL = 12  # sentences a model keeps in mind without effort
_FOREIGN = {
    "French": "La réponse est : {}.",
    "German": "Die Antwort lautet: {}.",
    "Spanish": "La respuesta es: {}.",
    "Italian": "La risposta è: {}.",
    "Latin": "Responsum est: {}.",
}


@dataclass(frozen=True, slots=True)
class Attention:
    """Which rules are obeyed in this one answer. Without noise: all of them."""

    book: Rulebook
    seed: str
    noise: float

    def rule(self, kind: str) -> Rule | None:
        """The rule of a kind, when it is there and obeyed."""
        rule = self.book.find(kind)
        return rule if rule is not None and self._obeyed(kind, "") else None

    def rules(self, kind: str) -> list[Rule]:
        """All rules of a kind that are obeyed, each decided on its own."""
        return [r for r in self.book.all(kind) if self._obeyed(kind, r.value)]

    def wants(self, kind: str) -> bool:
        """Whether a rule of the kind is there and obeyed."""
        return self.rule(kind) is not None

    def _obeyed(self, kind: str, value: str) -> bool:
        # Dead weight costs: every sentence beyond a few dilutes all the others.
        slip = self.noise * (1 + 0.05 * max(0, self.book.sentences - LIGHT_SKILL))
        if kind.startswith("max_") and self.book.has("verbose"):
            slip *= 4  # a limit in one line and "be exhaustive" in another
        return fraction(self.seed, "obey", kind, value) >= min(slip, 0.6)


def answer(system: str, user: str, seed: str, noise: float) -> str:
    """Answer one task.

    Args:
        system: the skill's body.
        user: the task's prompt, context and files.
        seed: identity of the sample; the same seed gives the same answer.
        noise: probability in [0, 1] that a rule is overlooked, and the scale of misreadings.
    """
    task = read_task(user)
    skill, asked = read_rules(system), read_rules(task.question)
    book = Rulebook(rules=(*skill.rules, *asked.rules), sentences=skill.sentences)
    mind = Attention(book, seed, noise)
    if task.is_writing:
        body = essay(task.question, mind.wants("verbose"), mind.wants("brief"))
    else:
        body = _reply(task, _read(task, user, mind), mind)
    return _finished(body, task, mind)


def _read(task: Reading, user: str, mind: Attention) -> Found:
    """Look the answer up; some tasks are hard, and there a misreading is likely."""
    found = look_up(task)
    hard = fraction("hard", user) >= 0.9
    slip = mind.noise * (5.0 if hard else 0.3)
    if fraction(mind.seed, "misread") < min(slip, 0.8):
        return another(task, found, fraction(mind.seed, "which"))
    return found


def _reply(task: Reading, found: Found, mind: Attention) -> str:
    if mind.wants("json"):
        return _as_json(task, found, mind)
    if task.choices and found.value:
        if mind.wants("letter"):
            return found.sentence
        return found.value if mind.wants("only") else f"Considering the options, {found.value} fits best."
    form = _format(mind)
    foreign = mind.rule("language")
    if not found.value:
        fixed = mind.rule("missing")
        value = fixed.value if fixed else f"The {found.name.lower()} is not stated in the document."
        plain = True
    else:
        value = written(found.value, form)
        plain = mind.wants("only")
        # "Short" is no "only", and others are its opposite: how they are taken depends on the task.
        opposed = mind.wants("verbose") or mind.wants("sentence")
        taste = fraction("brief", task.question, task.material)
        plain = taste < 0.5 if plain and opposed else plain or (mind.wants("brief") and taste < 0.7)
    if foreign:
        return _FOREIGN[foreign.value].format(value)
    if plain:
        return value
    if found.sentence:
        return found.sentence
    openings = ("The {0} is {1}.", "According to the document, the {0} is {1}.", "The {0} shown here is {1}.")
    return openings[int(fraction("opening", task.question) * len(openings))].format(found.name.lower(), value)


def _format(mind: Attention) -> Format:
    date = mind.rule("date")
    return Format(
        date=date.value if date else "",
        plain=mind.wants("plain"),
        currency=mind.wants("currency"),
        decimals=mind.wants("decimals"),
        round=mind.wants("round"),
    )


def _as_json(task: Reading, found: Found, mind: Attention) -> str:
    keys = [r.value for r in mind.book.all("key")]
    values: dict[str, str | None] = {}
    for key in keys or ["answer"]:
        name = re.sub(r"[_-]", " ", key)
        own = look_up(replace(task, question=f"What is the {name}?")) if len(keys) > 1 else found
        values[key] = written(own.value, _format(mind)) if own.value else None
    return json.dumps(values, ensure_ascii=False)


def _finished(body: str, task: Reading, mind: Attention) -> str:
    """The body with what the skill wants around it; a limit cuts the body first, as its frame was asked for."""
    before, after = _frame(task, mind)
    if mind.wants("cite"):
        # A source after every sentence, in brackets, as many as there are sentences.
        count = iter(range(1, 100))
        body = (
            re.sub(r"([.!?])(?=\s|$)", lambda m: f" [{next(count, 1)}]{m[1]}", body) if "." in body else f"{body} [1]"
        )
    body = _sized(body, len(joined([before, after])), task, mind)
    text = joined([before, body, after])
    for rule in mind.rules("avoid"):
        text = re.sub(re.escape(rule.value), "", text, flags=re.IGNORECASE)
    if mind.wants("upper"):
        text = text.upper()
    if mind.wants("lower"):
        text = text.lower()
    return text.strip()


def _frame(task: Reading, mind: Attention) -> tuple[str, str]:
    before = [r.value for r in mind.rules("start")]
    if mind.wants("restate") and task.question:
        before.append(f"You asked: {task.question}")
    if mind.wants("reason"):
        before.append("Let me go through this step by step. First I read the request, then I look for what it asks.")
    after = [f"## {r.value}\n\n{fill(r.value, task.question)}" for r in mind.rules("section")]
    after += [_line(r.value) for r in mind.rules("line")]
    after += [r.value for r in mind.rules("end")]
    return joined(before), joined(after)


def _line(wanted: str) -> str:
    """A line to include; of alternatives such as `high|medium|low` the middle one."""
    label, mark, rest = re.match(r"([^:=]*)([:=]?)(.*)", wanted, re.DOTALL).groups()  # type: ignore[union-attr]
    options = [o for o in re.split(r"\s*[|/]\s*|,\s*|\s+or\s+", rest.strip(" <>[]{}()")) if o]
    if not mark or (len(options) == 1 and not re.search(r"[<\[{]", rest)):
        return wanted
    return f"{label}{mark} {options[len(options) // 2] if len(options) > 1 else 'medium'}"


def _sized(body: str, frame: int, task: Reading, mind: Attention) -> str:
    least = mind.rule("min_characters") or mind.rule("min_words")
    if least:
        wanted = int(least.value or 0) * (7 if least.kind == "min_words" else 1)
        while len(body) < min(wanted, 20_000):
            body = joined([body, essay(task.question + str(len(body)), False, False)])
    for unit in ("characters", "words", "sentences"):
        rule = mind.rule(f"max_{unit}")
        if rule and rule.value:
            body = cut(body, unit, int(rule.value[:9]) - (frame + 2 if unit == "characters" and frame else 0))
    return body
