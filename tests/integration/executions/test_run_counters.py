"""What a worker counts: calls by model and outcome, tokens, cost, runs by how they ended, rings, what it reaped."""

import urllib.request
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from agents import breaker
from agents.llm import ProviderUnavailable, provider
from config.embedded.ports import any_free
from executions import metrics, runtime, telemetry
from executions.ringer import Ringer
from executions.services import execution_start
from executions.worker import Worker
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Counted:
    """How much a counter rose since."""

    def __init__(self) -> None:
        self.before = self._all()

    @staticmethod
    def _all() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._all().get(key, 0.0) - self.before.get(key, 0.0)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def run(alice, model):
    agents = [{"agent_role": "Writer", "LLM_model": {"model": model}}]
    execution_start(actor=alice.actor, team_id=factories.team(alice, agents=agents, max_turns=1).id)
    runtime.run_next(Worker(slots=1))


def test_an_answered_call(alice, fake_model, counted):
    run(alice, "fake")
    of = {"provider": "openai", "model": "fake"}
    assert counted("atb_model_calls_total", **of, outcome="ok") == 1
    assert counted("atb_model_call_seconds_count", **of) == 1
    assert counted("atb_model_tokens_total", **of, direction="in") > 0
    assert counted("atb_model_tokens_total", **of, direction="out") > 0
    assert counted("atb_model_calls_unpriced_total", **of) == 1
    assert counted("atb_runs_carried_total", status="succeeded") == 1
    assert counted("atb_run_carried_seconds_count") == 1
    assert counted("atb_runs_in_hand") == 0


def test_a_price_that_is_known(alice, fake_model, counted, settings):
    openai = settings.LLM_PROVIDERS["openai"]
    settings.LLM_PROVIDERS = {"openai": {**openai, "models": {"fake": {"price": ("1000", "1000")}}}}
    run(alice, "fake")
    assert counted("atb_model_cost_usd_total", provider="openai", model="fake") > 0
    assert counted("atb_model_calls_unpriced_total", provider="openai", model="fake") == 0


@pytest.mark.parametrize(("fault", "outcome", "status"), [
    ("401", "bad_credentials", "failed"), ("500", "provider_unavailable", "retry_wait"),
])  # fmt: skip
def test_a_refused_call(alice, fake_model, counted, fault, outcome, status):
    run(alice, f"fake+{fault}")
    assert counted("atb_model_calls_total", provider="openai", model=f"fake+{fault}", outcome=outcome) == 1
    assert counted("atb_runs_carried_total", status=status) == 1


def test_names_from_tenants_do_not_make_series_without_end(monkeypatch):
    monkeypatch.setattr(metrics, "_names", set())
    labels = {metrics.name_label(f"model-{number}") for number in range(metrics.MOST_NAMES * 2)}
    assert len(labels) == metrics.MOST_NAMES + 1
    assert metrics.OTHER in labels
    assert metrics.name_label("model-0") == "model-0"
    assert len(metrics.name_label("m" * 10_000)) <= metrics.LONGEST_NAME


def test_tool_calls_by_outcome(counted):
    with telemetry.tool_call("r1/Writer/llm0/tool0", "Chunk_Text") as call:
        call.ended()
    with telemetry.tool_call("r1/Writer/llm0/tool1", "Chunk_Text") as call:
        call.ended("timeout")
    with pytest.raises(KeyboardInterrupt), telemetry.tool_call("r1/Writer/llm0/tool2", "Chunk_Text"):
        raise KeyboardInterrupt
    for outcome in ("ok", "timeout", "stopped"):
        assert counted("atb_tool_calls_total", tool="Chunk_Text", outcome=outcome) == 1
    assert counted("atb_tool_call_seconds_count", tool="Chunk_Text") == 3


def test_breakers_by_state(settings, monkeypatch):
    monkeypatch.setattr(breaker, "_breakers", {})
    counted = Counted()
    settings.BREAKER_FAILURES, settings.BREAKER_PAUSE_SECONDS = 1, 60.0
    for account in ("", "acme's own"):
        entry = replace(provider("openai"), api_key=account)
        found = breaker.breaker_for(entry, account)
    with pytest.raises(ProviderUnavailable), found.call():
        raise ProviderUnavailable("down")
    assert counted("atb_breakers", provider="openai", state="open") == 1
    assert counted("atb_breakers", provider="openai", state="closed") == 1
    assert counted("atb_breaker_openings_total", provider="openai") == 1


def test_rings_sent_and_dropped(counted):
    sent = []
    ringer = Ringer(sent.append)
    ringer.ring(3)
    ringer.flush()
    assert counted("atb_rings_total", outcome="sent") == sum(sent) == 3

    def away(permits: int) -> None:
        raise OSError("away")

    broken = Ringer(away)
    broken.ring(2)
    broken.flush()
    assert counted("atb_rings_total", outcome="dropped") == 2


def test_a_worker_answers_on_its_own_port(caplog):
    port = any_free()
    server = metrics.serve(port, "127.0.0.1")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"atb_runs_in_hand" in answer.read()
    assert metrics.serve(port, "127.0.0.1") is None
    server.shutdown()
    server.server_close()
    assert "give each worker of this machine its own" in caplog.text
