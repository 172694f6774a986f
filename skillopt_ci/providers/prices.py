"""What a call costs, from data that ships with genai-prices: no request is made."""

from collections.abc import Mapping
from decimal import Decimal

from skillopt_ci.core.trajectory import Usage

_MILLION = Decimal(1_000_000)
# Our provider types, as genai-prices names them. Other types are looked up by the model's name alone.
_NAMES = {"openai": "openai", "azure-openai": "azure", "anthropic": "anthropic"}


class Pricer:
    """Prices of the models behind one provider."""

    def __init__(
        self, provider: str, *, price_as: str | None = None, prices: Mapping[str, Decimal] | None = None
    ) -> None:
        """Set up the prices of one provider.

        Args:
            provider: its type, such as `openai`; `simulated` costs nothing unless `price_as` is given.
            price_as: another model's name, whose price counts for every model here.
            prices: USD per million tokens: `input`, `output` and, when cached input is cheaper, `cached_input`.
                Wins over everything else.
        """
        self._provider = provider
        self._price_as = price_as
        self._prices = prices

    def known(self, model: str) -> bool:
        """Whether `price` has an answer for this model."""
        return self.price(model, Usage()) is not None

    def price(self, model: str, usage: Usage) -> Decimal | None:
        """USD for one call; None when the price is not known."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        if self._prices is not None:
            fresh_price = self._prices["input"]
            return (
                (usage.input_tokens - cached) * fresh_price
                + cached * self._prices.get("cached_input", fresh_price)
                + usage.output_tokens * self._prices["output"]
            ) / _MILLION
        if self._provider == "simulated" and self._price_as is None:
            return Decimal(0)
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        priced = PricedUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=cached,
            cache_write_tokens=min(usage.written_tokens, usage.input_tokens - cached),
            output_tokens=usage.output_tokens,
        )
        for provider, name in self._candidates(self._price_as or model):
            try:
                return calc_price(priced, name, provider_id=provider).total_price
            except LookupError:
                continue
        return None

    def _candidates(self, name: str) -> list[tuple[str | None, str]]:
        """Where to look a name up: at the own provider, at the one it names itself (`vendor/model`), at any."""
        found: list[tuple[str | None, str]] = []
        if self._provider in _NAMES:
            found.append((_NAMES[self._provider], name))
        vendor, slash, bare = name.partition("/")
        if slash:
            found.append((vendor, bare))
        return [*found, (None, name)]
