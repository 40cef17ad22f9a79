"""The live address on a real web server: who may watch, what is sent, dropping and returning, many at once."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client

from executions.stream import channel
from tests.factories import PASSWORD
from tests.integration.executions.live_runs import LiveRun, own_redis
from tests.integration.executions.sse import everything, watching
from tests.processes import WebProcess, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PREFIX = f"t{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def web(django_db_setup):
    with WebProcess(REDIS_PREFIX=PREFIX) as process:
        yield process


@pytest.fixture(autouse=True)
def same_channels(settings):
    settings.REDIS_PREFIX = PREFIX


@pytest.fixture
def run(alice):
    return LiveRun(alice)


@pytest.fixture
def bearer(alice):
    return {"Authorization": f"Bearer {alice.key('executions:read')}"}


def address(web, run):
    return f"{web.address}/api/v1/executions/{run.id}/events"


def listeners(run):
    name = channel(PREFIX, run.tenant, run.id)
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        return client.pubsub_numsub(name)[0][1]


def test_a_run_is_sent_as_it_happens(web, run, bearer):
    with watching(address(web, run), bearer) as (response, events):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        wait_until(lambda: listeners(run) == 1, "the web server listens")
        run.claim()
        run.say("r1/Writer/llm0", "hello")
        assert next(events).data["status"] == "running"
        assert next(events).data == {"key": "r1/Writer/llm0", "at": 0, "text": "hello"}
        run.record("r1/Writer/llm0", "hello")
        step = next(events)
        assert (step.name, step.id, step.data["display"]["message"]) == ("step", "2", "hello")
        run.finish()
        rest = list(events)
    assert [(event.name, event.data["status"]) for event in rest] == [("status", "succeeded"), ("end", "succeeded")]
    assert rest[0].data["final_answer"] == "42"
    assert rest[0].data["totals"] == {"tokens_in": 5, "tokens_out": 3, "ms": 7, "cost": "0.00000150"}


def test_the_stream_says_when_to_return(web, run, bearer):
    with httpx.stream("GET", address(web, run), headers=bearer) as response:
        assert next(response.iter_lines()) == "retry: 2000"


def test_who_drops_and_returns_misses_nothing_and_sees_nothing_twice(web, run, bearer):
    run.claim()
    writing = threading.Thread(
        target=lambda: [run.record(f"r{n}/Writer/llm0") and time.sleep(0.01) for n in range(1, 61)] and run.finish()
    )
    writing.start()
    keys, last, visits = [], "0", 0
    while last != "62":
        visits += 1
        with watching(address(web, run), {**bearer, "Last-Event-ID": last}) as (_, events):
            for event in events:
                if event.name == "step":
                    keys.append(event.data["key"])
                last = event.id or last
                if event.name == "step" and int(last) % 7 == 0:
                    break
    writing.join()
    assert keys == [f"r{n}/Writer/llm0" for n in range(1, 61)]
    assert visits > 5


def test_who_has_all_is_told_that_it_is_over(web, run, bearer):
    last = str(run.claim().finish())
    found = everything(address(web, run), {**bearer, "Last-Event-ID": last})
    assert [event.name for event in found] == ["end"]


def test_after_is_for_first_connections_and_the_header_goes_before(web, run, bearer):
    run.claim()
    first = run.record("r1/Writer/llm0")
    run.record("r1/Critic/llm0")
    run.finish()
    place = f"{address(web, run)}?after={first}"
    assert [event.id for event in everything(place, bearer)] == ["3", "4", "4"]
    assert [event.id for event in everything(place, {**bearer, "Last-Event-ID": "3"})] == ["4", "4"]


def test_twenty_watch_three_runs_with_a_pool_for_sixteen(web, alice, bearer):
    runs = [LiveRun(alice).claim() for _ in range(3)]
    with ThreadPoolExecutor(20) as pool:
        watched = [pool.submit(everything, address(web, runs[n % 3]), bearer) for n in range(20)]
        wait_until(lambda: all(listeners(run) == 1 for run in runs), "one subscription a run")
        time.sleep(0.3)
        for run in runs:
            run.record("r1/Writer/llm0", str(run.id))
            run.finish()
        for number, one in enumerate(watched):
            found = one.result(15)
            assert [event.name for event in found] == ["status", "step", "status", "end"][-len(found) :]
            texts = [event.data["display"]["message"] for event in found if event.name == "step"]
            assert texts == [str(runs[number % 3].id)]


def test_a_client_that_leaves_is_forgotten(web, run, bearer):
    with watching(address(web, run), bearer):
        wait_until(lambda: listeners(run) == 1, "the web server listens")
    wait_until(lambda: listeners(run) == 0, "it no longer listens")


def test_a_session_may_watch(web, alice, run):
    browser = Client()
    assert browser.login(username="alice", password=PASSWORD)
    run.claim().finish()
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    assert everything(address(web, run), cookie)[-1].name == "end"


def test_redis_may_go_while_somebody_watches(alice, bearer, settings):
    with own_redis() as server:
        settings.REDIS_URL = server.url
        run = LiveRun(alice).claim()
        with WebProcess(REDIS_PREFIX=PREFIX, REDIS_URL=server.url) as web, watching(address(web, run), bearer) as seen:
            events = seen[1]
            assert next(events).data["status"] == "running"
            server.stop()
            run.record("r1/Writer/llm0")
            assert next(events).data["key"] == "r1/Writer/llm0"
            run.finish()
            assert [event.name for event in events] == ["status", "end"]
        with WebProcess(REDIS_PREFIX=PREFIX, REDIS_URL=server.url) as web:
            assert everything(address(web, run), bearer)[-1].name == "end"


# --- refusals ---------------------------------------------------------------------------------------------------------


def refused(web, path, status, headers=None, method="GET"):
    answer = httpx.request(method, f"{web.address}/api/v1/executions/{path}", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer


def test_without_a_key(web, run):
    answer = refused(web, f"{run.id}/events", 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["Bearer nonsense", "Basic YTpi", "Bearer"])
def test_with_a_bad_key(web, run, key):
    refused(web, f"{run.id}/events", 401, {"Authorization": key})


def test_without_the_scope(web, run, alice):
    answer = refused(web, f"{run.id}/events", 403, {"Authorization": f"Bearer {alice.key('teams:read')}"})
    assert "executions:read" in answer.json()["detail"]


def test_foreign_and_missing_are_the_same(web, run, bearer, charlie):
    missing = "00000000-0000-4000-8000-000000000000"
    theirs = {"Authorization": f"Bearer {charlie.key()}"}
    foreign = refused(web, f"{run.id}/events", 404, theirs).json()
    assert foreign == {**foreign, "detail": f"Execution ID {run.id} not found"}
    assert refused(web, f"{missing}/events", 404, bearer).json()["title"] == foreign["title"]
    refused(web, "not-an-id/events", 404, bearer)


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "٣", "1 2"])
def test_a_malformed_last_event_id(web, run, bearer, last):
    headers = {**{name.encode(): text.encode() for name, text in bearer.items()}, b"Last-Event-ID": last.encode()}
    assert refused(web, f"{run.id}/events", 400, headers).json()["errors"][0]["loc"] == "Last-Event-ID"


def test_a_last_event_id_from_the_future(web, run, bearer):
    answer = refused(web, f"{run.id}/events", 400, {**bearer, "Last-Event-ID": "99"})
    assert answer.json()["errors"][0]["loc"] == "Last-Event-ID"


def test_an_unknown_parameter(web, run, bearer):
    assert refused(web, f"{run.id}/events?since=3", 400, bearer).json()["errors"][0]["loc"] == "since"


def test_another_method(web, run, bearer):
    answer = refused(web, f"{run.id}/events", 405, bearer, "POST")
    assert answer.headers["allow"] == "GET"


def test_a_server_without_asgi_says_what_to_do_instead(api, alice, run):
    answer = api(alice).get(f"/api/v1/executions/{run.id}/events")
    assert answer.status_code == 501
    assert "steps?after=" in answer.json()["detail"]
