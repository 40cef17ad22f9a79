"""GET /api/v1/executions/{id} and its steps: how a run stands and what happened, without what people must not see."""

import uuid

import pytest

from executions import runtime
from executions.follow import read_events
from executions.worker import Worker
from tests.integration.executions.live_runs import LiveRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(alice):
    return LiveRun(alice)


def place(run, part=""):
    return f"/api/v1/executions/{run.id}{part}"


def test_a_finished_run(api, alice, run, fake_model):
    assert runtime.run_next(Worker(slots=1))
    body = api(alice).get(place(run), {"conversation_log": "true"}).json()
    assert body["status"] == "succeeded"
    assert [entry["role"] for entry in body["conversation_log"]] == ["Writer", "Critic"]
    assert body["conversation_log"][-1]["message"] == body["final_answer"]
    assert body["totals"]["tokens_in"] > 0
    assert body["totals"]["cost"] is None, "the price of an unknown model is unknown"
    assert body["created_at"] <= body["started_at"] <= body["finished_at"]


def test_a_failed_run(api, alice, run):
    run.claim().finish("failed", error={"code": "bad_credentials", "message": "no key", "retryable": False})
    body = api(alice).get(place(run)).json()
    assert body["error"] == {"code": "bad_credentials", "message": "no key"}
    assert body["final_answer"] is None
    assert body["conversation_log"] is None


def test_steps_as_people_see_them(api, alice, run):
    run.claim().record("r1/Writer/llm0", "hello")
    answer = api(alice).get(place(run, "/steps"))
    step = answer.json()["results"][0]
    assert step["display"] == {"name": "Writer", "message": "hello"}
    assert {"request", "result", "error"}.isdisjoint(step)
    assert "not for people" not in answer.content.decode()


def test_steps_and_live_events_say_the_same(api, alice, run):
    run.claim().record("r1/Writer/llm0", "hello")
    told = read_events(run.tenant, run.id, 0).events[-1].data
    listed = api(alice).get(place(run, "/steps")).json()["results"][0]
    assert listed == {**told, "created_at": iso(told["created_at"]), "updated_at": iso(told["updated_at"])}


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_asking_again_gives_what_is_new(api, alice, run):
    client = api(alice)
    first = client.get(place(run, "/steps")).json()
    assert (first["results"], first["last_event_id"], first["status"]) == ([], 0, "queued")
    run.claim().record("r1/Writer/llm0")
    second = client.get(place(run, f"/steps?after={first['last_event_id']}")).json()
    assert [step["key"] for step in second["results"]] == ["r1/Writer/llm0"]
    run.finish()
    third = client.get(place(run, f"/steps?after={second['last_event_id']}")).json()
    assert (third["results"], third["last_event_id"], third["status"]) == ([], 3, "succeeded")


def test_pages_of_steps(api, alice, run):
    run.claim()
    for number in range(1, 6):
        run.record(f"r{number}/Writer/llm0")
    client, keys, address = api(alice), [], place(run, "/steps?limit=2")
    while address:
        body = client.get(address).json()
        keys += [step["key"] for step in body["results"]]
        address = body["next"]
    assert keys == [f"r{number}/Writer/llm0" for number in range(1, 6)]


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=501", "since=1"])
def test_a_bad_query_of_steps(api, alice, run, query):
    answer = api(alice).get(place(run, f"/steps?{query}"))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == query.partition("=")[0]


@pytest.mark.parametrize(("part", "method"), [("", "get"), ("/steps", "get"), ("/cancel", "post"), ("/retry", "post")])
def test_foreign_and_missing_are_the_same(api, charlie, run, part, method):
    missing = uuid.uuid4()
    client = api(charlie)
    foreign = getattr(client, method)(place(run, part))
    absent = getattr(client, method)(f"/api/v1/executions/{missing}{part}")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content.decode().replace(str(run.id), "ID") == absent.content.decode().replace(str(missing), "ID")
