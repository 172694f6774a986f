"""Prints what was measured, each figure beside its bar."""

from collections import Counter
from collections.abc import Mapping

from gate_training import PEERS, Tally

SIZES = (20, 50, 100, 200)
PEER_GATES = ("naive", "McNemar", "bootstrap")


class Bars:
    """Collects figures and their bars; `missed` counts."""

    def __init__(self) -> None:
        self.missed = 0
        self._lines: list[str] = []

    def at_most(self, what: str, value: float, bar: float, beside: str = "", digits: int = 1) -> None:
        self._add(value <= bar, f"{what:<62} {value:8.{digits}f}  {f'<= {bar:g}':<9} {beside}")

    def at_least(self, what: str, value: float, bar: float, beside: str = "", digits: int = 1) -> None:
        self._add(value >= bar, f"{what:<62} {value:8.{digits}f}  {f'>= {bar:g}':<9} {beside}")

    def _add(self, held: bool, line: str) -> None:
        self.missed += not held
        self._lines.append(f"{'pass' if held else 'MISS'}  {line}")

    def show(self) -> None:
        print("\nBars (measured, bar, and the same worlds for peers)\n" + "\n".join(self._lines))


class Figures:
    """Shares by key, in percent."""

    def __init__(self, totals: Mapping[tuple[object, ...], Counter[str] | Tally]) -> None:
        self._totals = totals

    def counts(self, *key: object) -> Counter[str]:
        found = self._totals[key]
        return found.counts if isinstance(found, Tally) else found

    def percent(self, name: str, *key: object, of: str = "n") -> float:
        counts = self.counts(*key)
        return 100 * counts[name] / max(1, counts[of])

    def tally(self, rule: str, n: int) -> tuple[Tally, float]:
        found = self._totals["training", rule, n]
        assert isinstance(found, Tally)
        return found, found.counts["decisions"] / 30

    def keys(self, first: str) -> list[tuple[object, ...]]:
        return [k for k in self._totals if k[0] == first]


def report(totals: Mapping[tuple[object, ...], Counter[str] | Tally]) -> int:
    figures, bars = Figures(totals), Bars()
    _merge(figures, bars)
    _paths(figures, bars)
    _golden(figures, bars)
    _intervals(figures, bars)
    _training(figures, bars)
    bars.show()
    return bars.missed


def _peers(figures: Figures, *key: object) -> str:
    return "  ".join(f"{name} {figures.percent(name, *key):.1f}" for name in PEER_GATES)


def _merge(figures: Figures, bars: Bars) -> None:
    print("Merge gate, base of 8 stored runs: % regression [pass/inconclusive], mean rounds | % blocked by peers")
    for key in figures.keys("merge"):
        counts = figures.counts(*key)
        verdicts = "/".join(f"{figures.percent(v, *key):.0f}" for v in ("pass", "inconclusive"))
        share, rounds = figures.percent("regression", *key), counts["rounds"] / counts["n"]
        name = f"{key[1]} V={key[2]} {key[3]}"
        print(f"  {name:<26}{share:6.1f} [{verdicts}] {rounds:.2f} | {_peers(figures, *key)}  (n={counts['n']})")
    for key in (("pass", 50), ("pass-same", 50)):
        words = "a true loss of the margin" if key[0] == "pass" else "an unchanged skill"
        shares = ", ".join(f"{rule} {figures.percent(rule, *key):.1f}" for rule in ("usual", "strict"))
        print(f"  PASS at {words}, V=50: {shares}")
    for key in figures.keys("drift"):
        print(f"  drift found, base moved by {key[1]}, V=50, one fresh round: {figures.percent('drifted', *key):.1f}")
    for n in SIZES:
        for effect in ("no change", "churn"):
            key = ("merge", "ushape", n, effect)
            bars.at_most(
                f"false block %, V={n}, {effect}", figures.percent("regression", *key), 6, _peers(figures, *key)
            )
    for n, effect, bar in ((50, "-10", 87), (50, "-5", 39), (200, "-5", 84)):
        key = ("merge", "ushape", n, effect)
        bars.at_least(
            f"power %, V={n}, {effect} points", figures.percent("regression", *key), bar, _peers(figures, *key)
        )
    for n, most in ((50, 2.2), (200, 1.6)):
        counts = figures.counts("merge", "ushape", n, "no change")
        bars.at_most(f"mean rounds, V={n}, no change", counts["rounds"] / counts["n"], most, "peers 1", digits=2)
    counts = figures.counts("merge", "det", 50, "no change")
    share = counts["rounds"] / counts["n"]
    bars.at_most("mean rounds, deterministic target, no change", share, 1, "peers 1", digits=2)


def _paths(figures: Figures, bars: Bars) -> None:
    print(
        "\nBases that are old or missing, V=50: % regression [pass/inconclusive], stored base dropped, runs bought / V"
    )
    for key in figures.keys("path"):
        counts = figures.counts(*key)
        share = figures.percent("regression", *key)
        verdicts = "/".join(f"{figures.percent(v, *key):.0f}" for v in ("pass", "inconclusive"))
        dropped, bought = figures.percent("dropped", *key), counts["rollouts"] / counts["n"] / 50
        print(f"  {key[1]!s:<38}{share:6.1f} [{verdicts}] {dropped:5.1f} {bought:.2f} | {_peers(figures, *key)}")
    for name in ("old base, no change", "no stored base, no change"):
        key = ("path", name)
        bars.at_most(f"false block %, V=50, {name}", figures.percent("regression", *key), 6, _peers(figures, *key))


def _golden(figures: Figures, bars: Bars) -> None:
    for p, bar in ((0.98, 0.5), (0.90, 3.0)):
        single = f"single run {figures.percent('single', 'golden', p):.1f}"
        share = figures.percent("broken", "golden", p)
        bars.at_most(f"golden: 10 unchanged tasks at p={p:.2f} block %", share, bar, single, 2)
    print(f"  golden: 10 unchanged tasks at p=.85 block {figures.percent('broken', 'golden', 0.85):.1f}%")
    caught = figures.percent("caught", "golden", 0.98)
    bars.at_least("golden: a task broken to p=.1 is caught %", caught, 85, "single run 90.0 (exact)")
    key = ("combined", 0.98)
    combined, beside = figures.percent("combined", *key), f"with single golden runs: {_peers(figures, *key)}"
    bars.at_most("golden and gate together, V=50+10, no change, false block %", combined, 6, beside)


def _intervals(figures: Figures, bars: Bars) -> None:
    print("\nCoverage % of 95% intervals: population (plus-two), this suite, percentile bootstrap (population)")
    fixed: list[tuple[float, tuple[object, ...]]] = []
    peers: list[float] = []
    for n in (10, 20, 50, 100):
        for k in ((1, 1), (4, 4), (8, 4)):
            keys = [key for key in figures.keys("coverage") if key[3] == n and key[4] == k]
            cells = [figures.percent("covered", *key) for key in keys]
            suites = [figures.percent("suite", *key) for key in keys]
            boots = [figures.percent("bootstrap", *key, of="n bootstrap") for key in keys]
            fixed += zip(cells, keys, strict=True)
            peers += boots
            row = "  ".join(f"{sum(x) / len(x):.1f} [{min(x):.1f}]" for x in (cells, suites, boots))
            print(f"  fixed, V={n}, {k[0]}+{k[1]} runs: {row}")
    for n in (20, 50, 100):
        keys = [key for key in figures.keys("stopping") if key[3] == n]
        both = ([figures.percent(name, *key) for key in keys] for name in ("covered", "suite"))
        print(f"  at the stopping time, V={n}: " + "  ".join(f"{sum(x) / len(x):.1f} [{min(x):.1f}]" for x in both))
    worst, where = min(fixed)
    beside = f"{' '.join(map(str, where[1:]))}; bootstrap {min(peers):.1f}"
    bars.at_least("coverage % at a fixed number of rounds, worst cell, V>=10", worst, 93.5, beside)


def _training(figures: Figures, bars: Bars) -> None:
    print("\nTraining gate, 30 candidates: quality, FAR, P(accept | gain >= 1 pt), P(accept | loss) [-1..-10 only],")
    print("cost/V, optimism of the selection score; `strict` is plain new > old with the exact stop")
    for key in figures.keys("training"):
        tally, runs = figures.tally(str(key[1]), int(str(key[2])))
        c = tally.counts
        print(
            f"  {key[1]!s:<14} V={key[2]!s:<4} {100 * tally.quality / runs:5.1f}"
            f"  FAR {c['false'] / max(1, c['accepted']):.3f}"
            f"  good {c['good accepted'] / c['good']:.2f}  bad {c['worse accepted'] / c['worse']:.4f}"
            f" [{c['harmful accepted'] / c['harmful']:.4f}]  cost {_cost(c, int(str(key[2]))):.2f}"
            f"  optimism {100 * tally.optimism / runs:+.1f}  (n={runs:.0f})"
        )
    for n, bar in ((20, 0.56), (50, 0.70), (100, 0.79), (200, 0.85)):
        counts = figures.counts("parity", "ushape", n)
        same = f"{counts['same']} of {counts['decisions']} decisions as without the stop"
        bars.at_most(
            f"strict + exact stop, rollouts per decision / V, V={n}", counts["stopped"] / counts["full"], bar, same, 3
        )
        bars.at_least(f"strict + exact stop, same decision %, V={n}", 100 * counts["same"] / counts["decisions"], 100)
    counts = figures.counts("parity", "det", 50)
    bars.at_most("strict + exact stop, deterministic, V=50", counts["stopped"] / counts["full"], 0.52, "", 3)
    rates = {rule: _false_rate(figures, rule, 50) for rule in ("strict", "confirm", "careful", *PEERS)}
    beside = "  ".join(f"{rule} {100 * rates[rule]:.0f}" for rule in PEERS)
    bars.at_most("confirm, V=50: false accepts %", 100 * rates["confirm"], 54, beside)
    bars.at_least("confirm, V=50: points below strict", 100 * (rates["strict"] - rates["confirm"]), 6)
    confirm, _ = figures.tally("confirm", 50)
    harmful = "  ".join(f"{rule} {_harmful(figures, rule):.3f}" for rule in ("strict", *PEERS))
    bars.at_most("confirm, V=50: P(accept | true loss)", _harmful(figures, "confirm"), 0.022, harmful, 4)
    bars.at_most(
        "confirm, V=50: rollouts per decision / V",
        _cost(confirm.counts, 50),
        1.0,
        "strict without a stop, and peers 1.00",
        2,
    )
    quality = "  ".join(f"{rule} {_over_strict(figures, rule):+.1f}" for rule in PEERS)
    gained = _over_strict(figures, "confirm")
    bars.at_least("confirm, V=50: quality after 30 candidates over strict, points", gained, 0.8, quality)
    optimism = "  ".join(f"{rule} {_optimism(figures, rule):.1f}" for rule in ("strict", *PEERS))
    flattered = _optimism(figures, "confirm")
    bars.at_most("confirm, V=50: optimism of the selection score, points", flattered, 9.5, optimism)
    bars.at_most("careful, V=50: false accepts %", 100 * rates["careful"], 38, beside)
    beside = "  ".join(f"{rule} {100 * _false_rate(figures, rule, 200):.0f}" for rule in ("strict", *PEERS))
    bars.at_most("careful, V=200: false accepts %", 100 * _false_rate(figures, "careful", 200), 25, beside)


def _over_strict(figures: Figures, rule: str) -> float:
    """Points of true quality after 30 candidates over `strict`."""
    (found, runs), (strict, strict_runs) = figures.tally(rule, 50), figures.tally("strict", 50)
    return 100 * (found.quality / runs - strict.quality / strict_runs)


def _optimism(figures: Figures, rule: str) -> float:
    found, runs = figures.tally(rule, 50)
    return 100 * found.optimism / runs


def _cost(counts: Counter[str], n: int) -> float:
    return counts["rollouts"] / counts["decisions"] / n


def _false_rate(figures: Figures, rule: str, n: int) -> float:
    counts = figures.counts("training", rule, n)
    return counts["false"] / max(1, counts["accepted"])


def _harmful(figures: Figures, rule: str) -> float:
    counts = figures.counts("training", rule, 50)
    return counts["worse accepted"] / counts["worse"]
