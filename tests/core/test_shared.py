from dataclasses import replace

from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.shared import divided, few, label
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Task


def tasks(*texts: tuple[str, str], cluster: str | None = None) -> list[Task]:
    metadata = {} if cluster is None else {"cluster": cluster}
    return [
        Task(id=f"t{n}", prompt=p, context=c, source=Source(file="f", line=n + 1), metadata=metadata)
        for n, (p, c) in enumerate(texts)
    ]


def split(text: str) -> set[str]:
    return set(text.split())


def test_a_twentieth_and_at_least_two_or_one() -> None:
    assert [few(n) for n in (1, 40, 60, 200)] == [2, 2, 3, 10]
    assert [label(n) for n in (1, 40, 60, 200)] == [1, 2, 3, 10]


def test_questions_on_one_passage_are_one() -> None:
    passages = [(f"q{n} it", f"passage{n // 4} town{n // 4} the") for n in range(16)]
    own, common = divided(tasks(*passages), split)
    assert own == {*(f"q{n}" for n in range(16)), *(f"{w}{n}" for w in ("passage", "town") for n in range(4))}
    assert common == {"it", "the"}


def test_what_stands_before_most_tasks_is_theirs_all() -> None:
    own, common = divided(tasks(*((f"q{n}", "policy") for n in range(8))), split)
    assert (own, common) == ({f"q{n}" for n in range(8)}, {"policy"})


def test_a_cluster_is_one_whatever_its_passages() -> None:
    own, common = divided([*tasks(*((f"a{n} x", f"c{n}") for n in range(3)), cluster="k"), *tasks(("b", ""))], split)
    assert own == {"a0", "a1", "a2", "c0", "c1", "c2", "b"}
    assert common == {"x"}  # of three tasks of four


def test_labels_of_a_small_suite_may_be_taught() -> None:
    suite = [
        replace(task, expected=(("positive", "Negative", "neither one")[n % 3],))
        for n, task in enumerate(tasks(*((f"Review {n}: it was so.", "") for n in range(6))))
    ]
    lint = leakage_of(suite, (GraderSpec(type="exact"),), "# Reviews\n")
    assert lint.find("- Answer `positive`, `Negative` or `neither one`.") is None
    assert leakage_of(suite[:3], (GraderSpec(type="exact"),), "# Reviews\n").find("- Answer `positive`.") is not None


def test_six_words_of_a_file_leak_and_its_names_do_not() -> None:
    note = Attachment(name="note.txt", data=b"It was brought by the old ferry of Quillport in the rain.")
    image = Attachment(name="a.png", data=b"\x89PNG\r\n\x1a\n")
    suite = [replace(task, files=(note, image)) for task in tasks(("Who brought it?", ""))]
    lint = leakage_of(suite, (), "# Letters\n")
    assert lint.find("- It was brought by the old ferry.") is not None
    assert lint.find("- A letter of Quillport.") is None


def test_names_and_answers_of_a_passage_with_many_questions_leak() -> None:
    passages = [
        f"The lake of town {n} was surveyed by Holt{'abcdefgh'[n]} and is {30 + n} metres deep." for n in range(8)
    ]
    suite = [
        Task(
            id=f"t{n}",
            prompt=("How deep is it?", "Who surveyed it?", "What was surveyed?", "In which unit?")[n % 4],
            context=passages[n // 4],
            expected=(str(30 + n // 4) if n % 4 == 0 else "the lake",),
            source=Source(file="f", line=n + 1),
        )
        for n in range(32)
    ]
    lint = leakage_of(suite, (GraderSpec(type="exact"),), "# Lakes\n")
    for leak in ("Ask Holta.", "Write `33` for it.", "The lake of town 2 was surveyed early."):
        assert lint.find(f"- {leak}") is not None, leak
    for rule in ("Name who surveyed it.", "Give metres as `m`.", "Say the lake."):
        assert lint.find(f"- {rule}") is None, rule
