"""From the fields of a foreign file to native graders, attachments and tasks."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from skillopt_ci.core.characters import hidden_characters
from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Split, Task, content_id
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.fields import MAX_ID_CHARS, beside, safe_name
from skillopt_ci.suites.foreign import NOTHING_LEFT, Node
from skillopt_ci.suites.patterns import translate

NO_PATTERN = "a pattern that cannot be written with exactly the same meaning"
UP = re.compile(r"^(?:\.\./)+")
_SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        **{"train": "train", "training": "train", "val": "val", "validation": "val", "dev": "val", "test": "test"},
        **{"holdout": "test", "hold-out": "test", "holdback": "test", "held-out": "test", "heldout": "test"},
    }
)
_TO_DIVIDE = ("tune", "tuning")  # train and validation tasks together: a hash divides them
_EMPTY: Mapping[str, object] = MappingProxyType({})


@dataclass
class Checks:
    """The checks of one task: deterministic ones become one `rules` grader, criteria one `judge` grader."""

    rules: list[dict[str, object]] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    """Of the criteria, where the format weighs them against each other."""
    others: list[GraderSpec] = field(default_factory=list)
    context: str = ""
    """What a good answer is like: shown to the judge, no criterion of its own."""
    samples: Mapping[str, object] | None = None
    """Answers with known verdicts that the judge is tested with."""
    lost: bool = False
    """Whether a check could not be imported: a task without any other is left out."""

    def contains(self, texts: Iterable[str], *, ignore_case: bool) -> None:
        """Every one of the texts occurs in the answer."""
        self.rules += [_occurs("contains", text, ignore_case) for text in texts]

    def contains_any(self, texts: Sequence[str], *, ignore_case: bool) -> None:
        """At least one of the texts does."""
        if texts:
            self.rules.append(_check("contains_any", list(texts), ignore_case))

    def lacks(self, texts: Iterable[str], *, ignore_case: bool) -> None:
        """None of the texts does."""
        self.rules += [_occurs("not_contains", text, ignore_case) for text in texts]

    def pattern(self, pattern: str, dialect: str, *, flags: str = "", negate: bool = False) -> bool:
        """The pattern is found in the answer, or is not; False, and no check, when it cannot be translated exactly."""
        made = translate(pattern, flags, dialect)
        if made:
            self.rules.append({"op": "not_regex" if negate else "regex", "arg": made[0], "flags": made[1]})
        return made is not None

    def lose(self, node: Node, reason: str) -> None:
        """A check that cannot be imported."""
        self.lost = True
        node.lose_item(reason)

    def specs(self) -> tuple[GraderSpec, ...]:
        """The graders."""
        made = [spec("rules", checks=self.rules)] if self.rules else []
        if not self.criteria:
            return (*made, *self.others)
        judge = judged(self.criteria, self.context, self.weights)
        if self.samples:
            judge = spec("judge", **judge.options, samples=dict(self.samples))
        return (*made, *self.others, judge)


def _check(op: str, arg: object, ignore_case: bool) -> dict[str, object]:
    return {"op": op, "arg": arg, "ignore_case": True} if ignore_case else {"op": op, "arg": arg}


def _occurs(op: str, text: str, ignore_case: bool) -> dict[str, object]:
    """A text that is only white space, such as the end of a line, is none that `contains` takes: a pattern finds it."""
    if text.strip():
        return _check(op, text, ignore_case)
    pattern = "".join(f"\\x{ord(c):02x}" if ord(c) < 256 else c for c in text)
    return {"op": op.replace("contains", "regex"), "arg": pattern, "flags": ""}


def spec(kind: str, **options: object) -> GraderSpec:
    """A grader with its options."""
    return GraderSpec(type=kind, options=MappingProxyType(options))


def judged(criteria: Sequence[str], context: str = "", weights: Sequence[float] = ()) -> GraderSpec:
    """A judge for criteria in words, with their weights if there are any; `context` says what a good answer is like.

    A single criterion of several lines is a rubric that somebody wrote: it stays as it is.
    """
    lines = [" ".join(c.split()) for c in criteria]
    rubric: object = lines if len(lines) > 1 else criteria[0].strip()
    if len(set(weights)) > 1:
        rubric = [{"criterion": line, "weight": w} for line, w in zip(lines, weights, strict=True)]
    return spec("judge", rubric=rubric, **({"reference": context.strip()} if context.strip() else {}))


def described(text: str) -> str:
    """One criterion from the description of a good answer."""
    return f"The answer does what this description says: {' '.join(text.split())}"


def clean_id(text: str) -> str:
    """A name as an id: one line, what can be seen, not too long."""
    plain = " ".join("".join(c if c.isprintable() and not hidden_characters(c) else " " for c in text).split())
    return plain if len(plain) <= MAX_ID_CHARS else f"{plain[: MAX_ID_CHARS - 13]} {digest(text)[:12]}"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a reader found out about a task, besides its checks."""

    prompt: str
    id: str = ""
    expected: tuple[str, ...] = ()
    context: str = ""
    files: tuple[Attachment, ...] = ()
    split: Split | None = None
    should_trigger: bool | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=lambda: _EMPTY)


def make(node: Node, draft: Draft, checks: Checks) -> Task | None:
    """The task; None when its prompt is missing, or when it has lost all its checks.

    A task that never had any keeps to the skill's graders, or is about triggering alone (`should_trigger`). One without
    an id gets it from its content.
    """
    if node.ok and not draft.prompt.strip():
        node.wrong("the prompt is missing or empty")
    if not node.ok:
        return None
    specs: tuple[GraderSpec, ...] | None = checks.specs()
    if not specs and draft.should_trigger is None:
        if checks.lost:
            node.lose_item(NOTHING_LEFT)
            return None
        specs = None
    attached = digest([f.identity() for f in draft.files]) if draft.files else ""
    return Task(
        id=draft.id or content_id(draft.prompt, draft.context + attached, draft.expected),
        prompt=draft.prompt,
        source=Source(file=node.path, line=node.item.line),
        expected=draft.expected,
        context=draft.context,
        files=draft.files,
        graders=specs,
        split=draft.split,
        should_trigger=draft.should_trigger,
        tags=draft.tags,
        metadata=_metadata(draft.metadata),
    )


def _metadata(given: Mapping[str, object]) -> Mapping[str, object]:
    """Metadata in which `cluster` means what it means here, a text or a number, or is named otherwise."""
    cluster = given.get("cluster")
    if cluster is None or (isinstance(cluster, str | int) and not isinstance(cluster, bool)):
        return MappingProxyType(dict(given))
    return MappingProxyType({("cluster_as_written" if k == "cluster" else k): v for k, v in given.items()})


def split_named(node: Node) -> Split | None:
    """The split that an item names, in the words that are usual; any other word is lost."""
    name = node.get("split")
    known = _SPLITS.get(name) if isinstance(name, str) else None
    if name is not None and known is None and name not in _TO_DIVIDE:
        node.lose("split", "a split of another name than train, val and test")
    return known


def attach(node: Node, key: str, listed: Sequence[str], roots: Sequence[str]) -> tuple[Attachment, ...]:
    """The files and folders named in a list, each tried below every root in turn; one that is nowhere is an error.

    A file is attached by its own name, as agents see it in their working folder; by its whole path when two files
    share a name. A folder brings everything below it.
    """
    found: list[tuple[str, bytes]] = []
    for relative in listed:
        files = next(filter(None, (_read(node, root, relative) for root in roots)), None)
        if files is None:
            looked = " and ".join(f"'{r or '.'}'" for r in roots)
            node.wrong(f"'{key}': there is no file {relative[:200]!r} (looked below {looked})", key)
            continue
        plain = UP.sub("", posixpath.normpath(relative))
        found += [(posixpath.join(posixpath.basename(plain), inner) if inner else plain, data) for inner, data in files]
    names = [posixpath.basename(path) for path, _ in found]
    made = {name if names.count(name) == 1 else path: data for name, (path, data) in zip(names, found, strict=True)}
    for name in made:
        if not safe_name(name):
            node.wrong(f"'{key}': an attachment cannot have the name {name[:200]!r}", key)
    return tuple(Attachment(name=name, data=data) for name, data in sorted(made.items()))


def stage(node: Node, key: str, pairs: Sequence[tuple[str, str]], roots: Sequence[str]) -> tuple[Attachment, ...]:
    """Files and folders copied to a place in the agent's folder: (destination, source) each.

    A source is tried below every root. One that starts with `../` may be meant from a skill's folder that nobody knows
    here: then what follows is tried from the repository's root.
    """
    made: dict[str, bytes] = {}
    for destination, source in pairs:
        places = [*((root, source) for root in roots), ("", UP.sub("", source))]
        found = next(filter(None, (_read(node, *place) for place in places)), None)
        if found is None:
            node.wrong(f"'{key}': there is no file {source[:200]!r}", key)
        for inner, data in found or []:
            target = posixpath.normpath(posixpath.join(destination, inner))
            if safe_name(target):
                made[target] = data
            else:
                node.wrong(f"'{key}': {destination[:200]!r} is not a relative path without '..'", key)
    return tuple(Attachment(name=n, data=d) for n, d in sorted(made.items()))


def _read(node: Node, root: str, relative: str) -> list[tuple[str, bytes]] | None:
    """A file, or a folder's files by their path in it, below a root; None when there is nothing."""
    place = beside(f"{root}/x" if root else "x", relative)
    if place is None:
        return None
    tree = node.report.tree
    try:
        if tree.glob(place):
            return [("", tree.read(place))]
        return [(path.removeprefix(f"{place}/"), tree.read(path)) for path in tree.glob(f"{place}/**")] or None
    except ConfigError:
        return None


def inline(node: Node, key: str, files: Mapping[str, str]) -> tuple[Attachment, ...]:
    """Attachments written out in the file itself."""
    for name in files:
        if not safe_name(name):
            node.wrong(f"'{key}': the name {name[:60]!r} is not a relative path without '..'", key)
    return tuple(Attachment(name=n, data=text.encode()) for n, text in sorted(files.items()) if safe_name(n))


def skill_roots(node: Node, skill: str | None) -> tuple[str, ...]:
    """Where relative paths of an evals file may start: its own folder, then the skill's root.

    The root is the nearest folder upwards with a SKILL.md, else the folder around `evals/`, else `skills/<skill>`.
    """
    own = posixpath.dirname(node.path)
    roots = [own]
    folder = own
    while folder:
        folder = posixpath.dirname(folder)
        if node.report.tree.glob(f"{folder}/SKILL.md" if folder else "SKILL.md"):
            return (*roots, folder)
    roots.append(posixpath.dirname(own))
    if skill and safe_name(skill):
        roots += [posixpath.dirname(p) for p in node.report.tree.glob(f"skills/{skill}/SKILL.md")]
    return tuple(dict.fromkeys(roots))
