"""Money and calls: what was paid, and what may be."""

from dataclasses import dataclass
from decimal import Decimal

from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Calls, tokens and USD; `usd` None means at least one price is unknown, never 0."""

    calls: int = 0
    usage: Usage = Usage()
    usd: Decimal | None = Decimal(0)

    def __add__(self, other: "Spend") -> "Spend":
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Spend(calls=self.calls + other.calls, usage=self.usage + other.usage, usd=usd)

    def minus(self, earlier: "Spend") -> "Spend":
        """What came since `earlier`, an earlier state of the same count."""
        usd = None if self.usd is None or earlier.usd is None else self.usd - earlier.usd
        usage = Usage(
            input_tokens=self.usage.input_tokens - earlier.usage.input_tokens,
            cached_tokens=self.usage.cached_tokens - earlier.usage.cached_tokens,
            output_tokens=self.usage.output_tokens - earlier.usage.output_tokens,
        )
        return Spend(calls=self.calls - earlier.calls, usage=usage, usd=usd)

    @property
    def tokens_told(self) -> bool:
        """Whether providers said how many tokens the calls took; some say nothing, and that is not zero."""
        return not self.calls or bool(self.usage.input_tokens or self.usage.output_tokens)

    def as_json(self) -> dict[str, object]:
        """The form of contracts: USD as a decimal string, null when unknown."""
        return {
            "calls": self.calls,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "usd": None if self.usd is None else format_usd(self.usd),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What was bought for one stage (a stream of samples, `optimizer` or `judge`) from one model."""

    stage: str
    model: str
    spend: Spend

    def as_json(self) -> dict[str, object]:
        """Stage and model beside the spend."""
        return {"stage": self.stage, "model": self.model, **self.spend.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend; None does not limit."""

    usd: Decimal | None = None
    calls: int | None = None
    minutes: float | None = None
    month_usd: Decimal | None = None

    def text_of(self, name: str) -> str | None:
        """A limit by its name, as text for the record of a run; None for one that is not set, or no name."""
        value = getattr(self, name) if name else None
        return None if value is None else str(value)


def format_usd(amount: Decimal) -> str:
    """Plain decimal digits, at most six after the point, no exponent."""
    text = f"{amount:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def spend_words(spend: Spend) -> str:
    """A spend in a few words; an unknown price is said."""
    usd = "price unknown" if spend.usd is None else f"${format_usd(spend.usd)}"
    return f"{plural(spend.calls, 'call')}, {usd}"
