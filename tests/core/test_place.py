from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.place import Range, overlap, splice, trim_lines

SPANS = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda pair: Range(min(pair), max(pair), "x"))


@given(SPANS, SPANS)
def test_overlap_is_what_two_ranges_share(one: Range, other: Range) -> None:
    def gaps(span: Range) -> set[int]:
        """Characters as odd places, the gaps between them as even ones; a range owns the gaps strictly inside."""
        return {2 * span.start} if span.start == span.end else set(range(2 * span.start + 1, 2 * span.end))

    both_points = one.start == one.end and other.start == other.end
    assert overlap(one, other) == (not both_points and bool(gaps(one) & gaps(other)))
    assert overlap(one, other) == overlap(other, one)


def test_splice_replaces_all_ranges_at_once() -> None:
    assert splice("abcdef", [Range(4, 6, "Z"), Range(0, 1, "bc"), Range(3, 3, "1"), Range(3, 3, "2")]) == "bcbc12dZ"
    assert splice("abc", [Range(1, 2, ""), Range(1, 1, "x"), Range(2, 2, "y")]) == "axyc"
    assert splice("abc", []) == "abc"


def test_blank_lines_at_the_ends_go_and_the_first_indent_stays() -> None:
    assert trim_lines("\n \t\n  a\n\nb \n\n") == "  a\n\nb "
    assert trim_lines(" \n") == ""
