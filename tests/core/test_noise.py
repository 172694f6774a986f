from skillopt_ci.core.noise import uniforms, words


def test_numbers_depend_on_the_parts_alone() -> None:
    assert words(5, "a", 1) == words(5, "a", 1)
    assert words(5, "a", 1) != words(5, "a", 2)
    assert words(3, "a", 1) == words(5, "a", 1)[:3]
    assert words(2, "a") == (2955705990, 3691272783)  # on every machine


def test_uniforms_fill_the_unit_interval_evenly() -> None:
    drawn = uniforms(20_000, "even")
    assert min(drawn) >= 0
    assert max(drawn) < 1
    tenths = [sum(int(u * 10) == i for u in drawn) for i in range(10)]
    assert all(abs(count - 2000) < 200 for count in tenths)
