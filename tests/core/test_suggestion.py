"""What was perhaps meant by a name that is not known."""

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.suggestion import closest, suggest


def test_a_near_name_is_suggested_whatever_its_case() -> None:
    assert suggest("Batchsize", ["batch_size", "epochs"]) == "; perhaps you meant 'batch_size'?"
    assert closest("TARGTE", ["target", "targets", "train"]) == "target"


def test_else_what_is_known_is_told() -> None:
    assert suggest("qqq", ["batch_size", "epochs"]) == "; known: batch_size, epochs"
    assert suggest("qqq", ["invoices"], told="configured") == "; configured: invoices"
    assert suggest("qqq", []) == "; known: none"


def test_a_very_long_word_costs_no_time_and_is_like_nothing() -> None:
    assert closest("target" * 200_000, ["target", "train"]) == ""


@given(st.text(), st.lists(st.text(min_size=1)))
def test_only_what_is_known_is_suggested(word: str, known: list[str]) -> None:
    assert closest(word, known) in {"", *known}
