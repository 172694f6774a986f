from decimal import Decimal

import pytest

from skillopt_ci.core.trajectory import Usage
from skillopt_ci.providers.prices import Pricer

MILLION = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=1_000_000)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5.4-mini"),
        ("azure-openai", "gpt-4o"),
        ("azure-openai", "phi-4"),  # which nobody knows by its name alone
        ("anthropic", "claude-opus-5"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("openai", "anthropic/claude-opus-5"),  # a gateway that speaks like OpenAI
        ("openai", "openai/gpt-5.4-mini"),
        ("openai", "claude-opus-5"),
        ("of-another-package", "gpt-5.4-mini"),
    ],
)
def test_models_of_the_price_list_are_known(provider: str, model: str) -> None:
    pricer = Pricer(provider)
    usd = pricer.price(model, MILLION)
    assert pricer.known(model)
    assert isinstance(usd, Decimal)
    assert 0 < usd < 1000


def test_cached_input_is_cheaper() -> None:
    pricer = Pricer("openai")
    fresh = pricer.price("gpt-5.4-mini", Usage(input_tokens=1000, output_tokens=10))
    cached = pricer.price("gpt-5.4-mini", Usage(input_tokens=1000, cached_tokens=900, output_tokens=10))
    assert fresh is not None
    assert cached is not None
    assert 0 < cached < fresh


def test_a_token_written_to_the_cache_costs_more_than_a_fresh_one() -> None:
    pricer = Pricer("anthropic")
    fresh = pricer.price("claude-opus-5", Usage(input_tokens=1_000_000))
    written = pricer.price("claude-opus-5", Usage(input_tokens=1_000_000, written_tokens=1_000_000))
    assert (fresh, written) == (Decimal(5), Decimal("6.25"))
    much, little = (Usage(input_tokens=1000, cached_tokens=900, written_tokens=n) for n in (1000, 100))
    assert pricer.price("claude-opus-5", much) == pricer.price("claude-opus-5", little)  # no token is billed twice
    same = Usage(input_tokens=1000, written_tokens=900, output_tokens=10)  # a vendor that takes nothing for it
    assert Pricer("openai").price("gpt-5.4-mini", same) == Pricer("openai").price(
        "gpt-5.4-mini", Usage(input_tokens=1000, output_tokens=10)
    )


@pytest.mark.parametrize("model", ["llama3", "my-deployment", "nobody/nothing", "", "/", "a/b/c"])
def test_an_unknown_price_is_none_and_not_0(model: str) -> None:
    pricer = Pricer("openai")
    assert not pricer.known(model)
    assert pricer.price(model, MILLION) is None


def test_simulated_costs_nothing_unless_priced_as_another() -> None:
    assert Pricer("simulated").price("target", MILLION) == Decimal(0)
    priced = Pricer("simulated", price_as="gpt-5.4-mini").price("target", MILLION)
    assert priced == Pricer("openai").price("gpt-5.4-mini", MILLION)
    assert not Pricer("simulated", price_as="nothing").known("target")


def test_prices_of_the_configuration_win() -> None:
    prices = {"input": Decimal(2), "cached_input": Decimal("0.5"), "output": Decimal(10)}
    pricer = Pricer("openai", price_as="gpt-5.4-mini", prices=prices)
    assert pricer.price("llama3", MILLION) == Decimal("11.4")
    del prices["cached_input"]
    assert pricer.price("llama3", MILLION) == Decimal(12)
    assert pricer.price("llama3", Usage(input_tokens=10, cached_tokens=99)) == Decimal("0.00002")
