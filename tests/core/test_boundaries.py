import pytest

from skillopt_ci.core.boundaries import crossing_probability, pocock


@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.645), (2, 1.875), (3, 1.992), (4, 2.067), (5, 2.122), (8, 2.225)]
)
def test_pococks_published_one_sided_constants(looks: int, constant: float) -> None:
    assert pocock(looks, 0.05) == pytest.approx(constant, abs=6e-4)


@pytest.mark.parametrize(("pairs", "constant"), [(1, 2.067), (2, 2.36), (3, 2.52), (5, 2.71), (10, 2.94)])
def test_constants_for_several_pairs(pairs: int, constant: float) -> None:
    assert pocock(4, 0.05 / pairs) == pytest.approx(constant, abs=7e-3)


def test_nominal_level_of_four_looks() -> None:
    from scipy import stats

    assert stats.norm.sf(pocock(4, 0.05)) == pytest.approx(0.01935, abs=1e-5)


def test_two_looks_against_the_bivariate_normal() -> None:
    from scipy import stats

    constant, correlation = 1.9, 2**-0.5
    stays = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([constant, constant])
    assert crossing_probability(constant, 2) == pytest.approx(1 - stays, abs=1e-6)


def test_three_looks_against_quadrature() -> None:
    from scipy import integrate, stats

    c = 2.0

    def stays(first: float) -> float:
        def inner(second: float) -> float:
            return stats.norm.pdf(second - first) * stats.norm.cdf(c * 3**0.5 - second)

        return stats.norm.pdf(first) * integrate.quad(inner, first - 9, c * 2**0.5, epsabs=1e-10)[0]

    expected = 1 - integrate.quad(stays, -9, c, epsabs=1e-9)[0]
    assert crossing_probability(c, 3) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
def test_the_constant_spends_alpha_and_grows_with_looks(alpha: float) -> None:
    constants = [pocock(looks, alpha) for looks in (1, 2, 3, 6)]
    assert constants == sorted(constants)
    assert crossing_probability(constants[-1], 6) == pytest.approx(alpha, rel=1e-5)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="looks must be between 1 and 16, not 0"):
        pocock(0, 0.05)
    with pytest.raises(ValueError, match="looks must be between 1 and 16, not 17"):
        pocock(17, 0.05)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        pocock(4, 0.0)
