import gc
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.config.access import key_variable, ledger_seal, pricer, provider_options, secret_values
from skillopt_ci.config.resolve import ResolvedSkill, resolve
from skillopt_ci.config.schema import Config
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.core.trajectory import Message, Trajectory, Usage
from skillopt_ci.errors import ConfigError, MissingKeyError, UsageError
from skillopt_ci.graders.build import judge_calls
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_seal import Seal
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Completion, Request
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.retrying import Retrying
from skillopt_ci.providers.stored import Replays
from skillopt_ci.wiring import Workshop, grader_of
from tests.config.samples import load
from tests.engine.bench import Hears, skill
from tests.fakes import MemoryTree

TEXT = """\
version: 1
providers:
  local: {type: openai, base_url: "http://127.0.0.1:1/v1", api_key_env: LOCAL_KEY, api: responses, timeout_seconds: 7}
  free: {type: openai, base_url: "http://127.0.0.1:1/v1", price: {input: 0.5, output: 2}}
  azure-openai: {api_version: "2026-01-01"}
  mine: {type: simulated, noise: 0.0, latency_ms: 0}
target: {provider: PROVIDER, model: m}
optimizer: {provider: mine, model: o}
judge: {provider: mine, model: j}
skills:
  - {path: s/SKILL.md, tasks: [t.jsonl], graders: [{type: exact}]}
"""
SOURCE = Source(file="t", line=1)
TASK = Task(id="t1", prompt="What is the city?", context="City: Oslo", expected=("Oslo",), source=SOURCE)


def resolved(provider: str = "mine", text: str = TEXT) -> ResolvedSkill:
    tree = MemoryTree({"s/SKILL.md": "# S\n", "t.jsonl": "{}"})
    return resolve(load(text.replace("PROVIDER", provider)), tree)[0]


def config(provider: str = "mine") -> Config:
    return load(TEXT.replace("PROVIDER", provider))


def request(place: str = "p") -> Request:
    return Request(
        model="m",
        messages=(Message(role="user", content="What is the city?\n\nCity: Oslo"),),
        max_output_tokens=99,
        temperature=None,
        place=place,
        stream="val",
        label="l",
    )


def workshop(ledger: Ledger, **env: str) -> Workshop:
    return Workshop(ledger=ledger, pool=Pool(1), env=env)


class TestProviderOptions:
    def test_a_named_provider(self) -> None:
        options = provider_options(resolved("local").target, {"LOCAL_KEY": "k1", "OPENAI_API_KEY": "k2"})
        assert (options.name, options.type, options.api_key) == ("local", "openai", "k1")
        assert (options.base_url, options.api, options.timeout_seconds) == ("http://127.0.0.1:1/v1", "responses", 7.0)
        assert "k1" not in repr(options)

    @pytest.mark.parametrize(
        ("provider", "key", "url"),
        [
            ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
            ("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
            ("azure-openai", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
        ],
    )
    def test_the_variables_of_the_sdks(self, provider: str, key: str, url: str) -> None:
        options = provider_options(resolved(provider).target, {key: "k", url: "http://x/v1"})
        assert (options.api_key, options.base_url, options.type) == ("k", "http://x/v1", provider)
        assert provider_options(resolved(provider).target, {key: "k"}).base_url is None

    def test_the_api_version_is_the_entrys_or_the_environments(self) -> None:
        env = {"AZURE_OPENAI_API_KEY": "k", "OPENAI_API_VERSION": "env"}
        assert provider_options(resolved("azure-openai").target, env).api_version == "2026-01-01"
        other = TEXT.replace('{api_version: "2026-01-01"}', "{timeout_seconds: 9}")
        assert provider_options(resolved("azure-openai", other).target, env).api_version == "env"

    @pytest.mark.parametrize("env", [{}, {"OPENAI_API_KEY": ""}])
    def test_a_missing_key_says_which_variable(self, env: dict[str, str]) -> None:
        with pytest.raises(ConfigError, match="set the environment variable OPENAI_API_KEY"):
            provider_options(resolved("openai").target, env)

    def test_a_variable_that_was_named_must_be_there(self) -> None:
        with pytest.raises(ConfigError, match=r"provider 'local' needs a key: set the environment variable LOCAL_KEY$"):
            provider_options(resolved("local").target, {"OPENAI_API_KEY": "k"})

    def test_azure_takes_no_call_without_a_key_whoever_says_its_address(self) -> None:
        ref = resolved("azure-openai").target
        for url in (None, "http://x/v1"):
            placed = replace(ref, entry=ref.entry.model_copy(update={"base_url": url}))
            with pytest.raises(MissingKeyError, match="set the environment variable AZURE_OPENAI_API_KEY"):
                provider_options(placed, {"AZURE_OPENAI_ENDPOINT": "http://x/v1"})
            assert key_variable(placed) == "AZURE_OPENAI_API_KEY"

    def test_a_server_of_ones_own_needs_no_key(self) -> None:
        assert provider_options(resolved("free").target, {}).api_key is None

    def test_the_vendors_key_never_goes_to_another_server(self) -> None:
        assert provider_options(resolved("free").target, {"OPENAI_API_KEY": "k"}).api_key is None

    def test_headers_of_the_environment_go_where_the_key_goes(self) -> None:
        env = {
            "OPENAI_API_KEY": "k", "LOCAL_KEY": "l", "AZURE_OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "c",
            "OPENAI_CUSTOM_HEADERS": "X-Team: red\nno header\n Authorization:  Bearer t:1 \r",
            "OPENAI_ORG_ID": "org", "OPENAI_PROJECT_ID": "", "ANTHROPIC_CUSTOM_HEADERS": "X-Team: blue",
        }  # fmt: skip
        sent = {"OpenAI-Organization": "org", "X-Team": "red", "Authorization": "Bearer t:1"}
        assert provider_options(resolved("openai").target, env).headers == sent
        gateway = {**env, "OPENAI_BASE_URL": "http://gateway/v1"}
        assert provider_options(resolved("openai").target, gateway).headers == sent
        assert provider_options(resolved("anthropic").target, env).headers == {"X-Team": "blue"}
        for provider in ("local", "free", "azure-openai", "mine"):
            assert provider_options(resolved(provider).target, env).headers == {}
        # Another name with the vendor's own key: it is meant for that server, too.
        named = TEXT.replace("LOCAL_KEY", "OPENAI_API_KEY")
        assert provider_options(resolved("local", named).target, env).headers == sent
        assert "Bearer" not in repr(provider_options(resolved("openai").target, env))

    def test_simulated_needs_nothing(self) -> None:
        options = provider_options(resolved().target, {})
        assert (options.type, options.api_key, options.noise, options.latency_ms) == ("simulated", None, 0.0, 0.0)


def test_secrets_are_the_values_of_every_variable_that_can_hold_one() -> None:
    env = {
        "OPENAI_API_KEY": "a",
        "LOCAL_KEY": "b",
        "GITHUB_TOKEN": "c",
        "GH_TOKEN": "c",
        "PATH": "/bin",
        "ANTHROPIC_API_KEY": "",
    }
    assert secret_values(config(), env) == ("a", "c", "b")
    assert secret_values(None, env) == ("a", "c")
    assert secret_values(config(), {}) == ()
    assert secret_values(config(), {"LOCAL_KEY": "local\n", "OPENAI_API_KEY": "free"}) == ()
    headers = {"OPENAI_CUSTOM_HEADERS": "Authorization: Bearer d\nX-Team: red\nX-Api-Key: e\nCookie:"}
    assert secret_values(None, headers) == ("d", "e")
    cookie = {"ANTHROPIC_CUSTOM_HEADERS": "Cookie: sid=0123456789; t=abcdefghij; last=1"}
    assert secret_values(None, cookie) == ("last=1", "0123456789", "abcdefghij")


@pytest.mark.parametrize(
    ("env", "opens"),
    [
        ({"OPENAI_API_KEY": "openai-0123456789"}, "openai-0123456789"),
        ({"LOCAL_KEY": "local-0123456789"}, "local-0123456789"),
        (
            {"OPENAI_API_KEY": "openai-0123456789", "SKILLOPT_CI_LEDGER_KEY": " mine-01234567890\n"},
            "mine-01234567890",
        ),
    ],
)
def test_a_ledger_that_leaves_is_sealed_with_its_own_secret_or_a_models_key(env: dict[str, str], opens: str) -> None:
    stored = ledger_seal(config(), {**env, "SKILLOPT_CI_SEAL": "1"}).close("x", "k")
    assert stored != "x"
    assert Seal([opens]).open(stored, "k") == "x"
    assert ledger_seal(config(), env).open(stored, "k") == "x"  # elsewhere too, where nothing new is sealed
    assert ledger_seal(config(), env).close("x", "k") == "x"


def test_a_jobs_token_seals_nothing() -> None:
    seal = ledger_seal(None, {"GITHUB_TOKEN": "ghs_0123456789abcdef", "SKILLOPT_CI_SEAL": "1"})
    assert not seal.lasts


def test_prices_are_the_entrys_own() -> None:
    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert pricer(resolved("free").target).price("m", million) == Decimal("2.5")
    assert pricer(resolved().target).price("m", million) == 0
    assert pricer(resolved("local").target).price("m", million) is None


class TestWorkshop:
    def test_calls_go_through_the_ledger_and_the_meters(self) -> None:
        meter = Meter(Limits())
        with Ledger(None) as ledger:
            made = workshop(ledger)
            model = made.model(resolved().target, run="r1", meters=[meter])
            first = model.provider.complete(request())
            again = made.model(resolved().target, run="r2", meters=[meter]).provider.complete(request())
            other = model.provider.complete(request("q"))
            assert (first, first.served_model) == (again, "simulated/m")
            assert other.text
            assert (meter.paid.calls, meter.replayed.calls) == (2, 0)
            assert set(ledger.spend_by_stream("r1")) == {"val"}
            assert ledger.spend_by_stream("r2") == {}
            assert (model.model, model.temperature, model.max_output_tokens) == ("m", None, 2048)
            made.close()

    def test_no_answer_holds_a_secret_and_a_replay_without_the_key_reads_what_was_bought(self) -> None:
        class Echo:
            def complete(self, request: Request, /) -> Completion:
                return Completion(text="a secret", stop_reason="stop", usage=Usage(), served_model="m/secret")

        def asked(ledger: Ledger, clean: Callable[[str], str]) -> Completion:
            echo = Retrying(Echo(), wait=threading.Event().wait, random=lambda: 0.0)
            made = Workshop(ledger=ledger, pool=Pool(1), env={}, clean=clean, _providers={"mine": echo})
            return made.model(resolved().judge or resolved().target, run="r", meters=[]).provider.complete(request())

        def clean(text: str) -> str:
            return text.replace("secret", "***")

        with Ledger(None) as ledger:
            bought = asked(ledger, clean)
            assert (bought.text, bought.served_model) == ("a ***", "m/***")
            assert "secret" not in str(ledger.export())
            assert asked(ledger, str) == bought
        with Ledger(None) as ledger:  # one of an earlier version, with answers as they came
            assert asked(ledger, str).text == "a secret"
            assert asked(ledger, clean) == bought

    def test_another_provider_name_is_another_purchase(self) -> None:
        meter = Meter(Limits())
        with Ledger(None) as ledger:
            made = workshop(ledger)
            for provider in ("mine", "simulated"):
                made.model(resolved(provider).target, run="r", meters=[meter]).provider.complete(request())
            assert meter.paid.calls == 2

    def test_a_lab_measures_with_the_skills_graders(self) -> None:
        with Ledger(None) as ledger:
            made = workshop(ledger)
            lab = made.lab(resolved(), Hears(), run="r", meters=[], replica="1/2")
            found = lab.measure(skill("- Reply with the bare value only.\n"), [TASK], "val", what="x")
            assert found.values == ((1.0,),)
            assert lab.sample(TASK, "val").replica == "1/2"
            own = replace(TASK, graders=(GraderSpec(type="contains", options={"values": ["nowhere"]}),))
            assert lab.measure(skill("- Reply with the bare value only.\n"), [own], "val", what="x").values == ((0.0,),)

    def test_a_stored_lab_replays_and_buys_nothing_without_a_key(self) -> None:
        meter, replays = Meter(Limits()), Replays()
        with Ledger(None) as ledger:
            made, body = workshop(ledger), skill("- Reply with the bare value only.\n")
            made.lab(resolved(), Hears(), run="r", meters=[]).measure(body, [TASK], "base", what="x")
            stored = made.stored_lab(resolved(), Hears(), until=math.inf, replays=replays)
            assert stored.measure(body, [TASK], "base", runs=(0, 1), what="x").values == ((1.0, None),)
            none = made.stored_lab(resolved("openai"), Hears(), until=math.inf, replays=replays)
            assert none.measure(body, [TASK], "base", what="x").values == ((None,),)
        replays.count([meter])
        assert (meter.paid.calls, meter.replayed.calls) == (0, 1)

    def test_a_method_is_made_by_its_name(self) -> None:
        def by(method: str, **changes: Any) -> Any:
            train = resolved().train.model_copy(update={"method": method})
            return made.method(replace(resolved(), train=train, **changes), run="r", meters=[])

        with Ledger(None) as ledger:
            made = workshop(ledger)
            for name in ("skillopt", "one-shot", "gepa"):
                assert callable(by(name))
                with pytest.raises(ConfigError, match=r"skills\[s\]: training needs an 'optimizer' model"):
                    by(name, optimizer=None)
            assert callable(by("human", optimizer=None))
            with pytest.raises(UsageError, match="perhaps you meant 'skillopt'"):
                by("skilopt")

    def test_a_missing_key_is_told_before_anything_is_measured(self) -> None:
        with Ledger(None) as ledger, pytest.raises(ConfigError, match="OPENAI_API_KEY"):
            workshop(ledger).lab(resolved("openai"), Hears(), run="r", meters=[])

    def test_closing_closes_the_clients_that_can_be_closed(self) -> None:
        class Client:
            closed = 0

            def complete(self, request: Request, /) -> Completion:
                raise AssertionError

            def close(self) -> None:
                self.closed += 1

        client = Client()
        with Ledger(None) as ledger:
            made = Workshop(ledger=ledger, pool=Pool(1), env={"OPENAI_API_KEY": "k"}, _raw=[client])
            made.model(resolved("openai").target, run="r", meters=[])
            made.model(resolved().target, run="r", meters=[])
            made.close()
        assert client.closed == 1

    def test_waiting_ends_when_the_pool_is_stopped(self, tmp_path: Path) -> None:
        stop = threading.Event()
        with Ledger(tmp_path / "l.sqlite") as ledger:
            made = Workshop(ledger=ledger, pool=Pool(1, stop), env={})
            model = made.model(resolved().target, run="r", meters=[])
            stop.set()
            with pytest.raises(Exception, match="the run is being stopped"):
                model.provider.complete(request())


def said(text: str) -> Trajectory:
    return Trajectory(messages=(Message(role="assistant", content=text),), stop_reason="stop", served_model="m")


def test_a_tasks_own_graders_win_and_are_never_mixed_up() -> None:
    grader = grader_of([GraderSpec(type="exact")], None)
    assert grader(TASK) is grader(replace(TASK, id="t2"))
    assert grader(TASK).grade(TASK, said("Oslo")).passed
    for n in range(200):  # specs that are gone must not lend their identity to others
        own = replace(TASK, graders=(GraderSpec(type="contains", options={"values": [f"word{n}"]}),))
        assert grader(own).grade(own, said(f"word{n}")).passed
        del own
        gc.collect(0)


def test_graders_that_cannot_be_built_are_told() -> None:
    with pytest.raises(ConfigError, match="no graders"):
        grader_of([], None)(TASK)


def test_judge_calls_count_votes_and_tasks_own_graders() -> None:
    judge, three = GraderSpec(type="judge"), GraderSpec(type="judge", options={"votes": 3})
    plain = GraderSpec(type="exact")
    own = replace(TASK, graders=(three, plain))
    assert judge_calls([judge, plain], [TASK, TASK]) == 2
    assert judge_calls([judge], [TASK, own]) == 1 + 3
    assert judge_calls([plain], [TASK]) == 0
    assert judge_calls([GraderSpec(type="judge", options={"votes": "many"})], [TASK]) == 1
