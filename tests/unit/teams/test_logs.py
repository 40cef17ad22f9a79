"""Log lines carry what they are about and no credentials, for people and for machines."""

import contextvars
import json
import logging
import logging.config
from io import StringIO
from typing import Any

import pytest

from teams import logs

KEY = "sk-proj-aB3dE5fG7hJ9kL1mN2pQ4rS6"


@pytest.fixture(params=["line", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return request.param


def written(form: str, write: Any) -> str:
    """What a logger set up as the product's would write."""
    config = logs.configuration(form, "INFO")
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(config["filters"]["clean"]["()"]())
    handler.setFormatter(config["formatters"][form]["()"]())
    logger = logging.Logger("a.logger")  # noqa: LOG001 - one that nobody else has handlers on
    logger.addHandler(handler)
    write(logger)
    return stream.getvalue()


def entry(write: Any) -> dict[str, Any]:
    text = written("json", write)
    assert text.count("\n") == 1
    return json.loads(text)


def test_a_line_says_what_it_is_about(form: str) -> None:
    with logs.about(execution_id="e1", tenant_id="t1"), logs.about(step="r1/Critic"):
        text = written(form, lambda logger: logger.warning("slow: %s ms", 12))
    for part in ("WARNING", "a.logger", "slow: 12 ms", "e1", "t1", "r1/Critic"):
        assert part in text


def test_the_fields_of_a_machines_line() -> None:
    with logs.about(execution_id="e1"):
        found = entry(lambda logger: logger.info("here"))
    assert found["execution_id"] == "e1"
    assert found["message"] == "here"
    assert set(found) == {"time", "level", "logger", "message", "pid", "thread", "execution_id"}


def test_what_was_said_inside_is_over_outside() -> None:
    with logs.about(step="s1"):
        with logs.about(step="s2"):
            assert logs.fields_now() == {"step": "s2"}
        assert logs.fields_now() == {"step": "s1"}
    assert logs.fields_now() == {}


def test_what_a_request_learns_in_another_thread_is_its_own() -> None:
    def request() -> dict[str, str]:
        logs.begin(request_id="r1")
        contextvars.copy_context().run(logs.learned, tenant_id="t1")
        return logs.fields_now()

    assert contextvars.Context().run(request) == {"request_id": "r1", "tenant_id": "t1"}
    assert contextvars.Context().run(logs.fields_now) == {}


def test_learning_without_a_request_does_nothing() -> None:
    contextvars.Context().run(logs.learned, tenant_id="t1")
    assert logs.fields_now() == {}


def test_no_credentials_in_messages_arguments_and_traces(form: str, settings: Any) -> None:
    settings.API_KEY_PEPPER = "pepper-of-this-place"

    def write(logger: logging.Logger) -> None:
        try:
            raise RuntimeError(f"refused {KEY} and pepper-of-this-place")
        except RuntimeError:
            logger.exception("asked with %s", {"authorization": f"Bearer {KEY}"})

    text = written(form, write)
    assert KEY not in text
    assert "pepper-of-this-place" not in text
    assert "RuntimeError: refused [redacted] and [redacted]" in text


def test_a_call_with_wrong_arguments_is_still_a_line(form: str) -> None:
    assert "%d of %d" in written(form, lambda logger: logger.info(*["%d of %d", "one"]))


def test_nobody_can_forge_a_line() -> None:
    text = written("line", lambda logger: logger.info("name: %s", "x\n2026-01-01 INFO forged"))
    assert text.count("\n") == 1


def test_any_text_can_be_written(form: str) -> None:
    assert written(form, lambda logger: logger.info("%s", "half a pair \ud800 naïve")).count("\n") == 1


def test_the_servers_own_lines_go_the_same_way() -> None:
    """uvicorn gives its loggers handlers of their own before the product is loaded."""
    before = {name: list(logging.getLogger(name).handlers) for name in ("uvicorn", "uvicorn.access")}
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler(StringIO()))
    logging.getLogger("uvicorn.access").propagate = False
    config = logs.configuration("json", "INFO")
    config["root"], config["handlers"] = {}, {}
    try:
        logging.config.dictConfig({**config, "incremental": False})
        assert logging.getLogger("uvicorn.access").handlers == []
        assert logging.getLogger("uvicorn.access").propagate
    finally:
        for name, handlers in before.items():
            logging.getLogger(name).handlers = handlers


def test_what_is_said_each_second_is_told_now_and_then(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filters = logs.configuration(form, "INFO")["loggers"]["psycopg.pool"]["filters"]
    assert filters == ["now_and_then"]
    clock = iter((0.0, 1.0, 2.0, 31.0))
    monkeypatch.setattr("teams.logs.time.monotonic", lambda: next(clock))

    def outage(logger: logging.Logger) -> None:
        logger.addFilter(logs.NowAndThen(30.0))
        logger.warning("error connecting in %s", "pool-1")
        logger.warning("error connecting in %s", "pool-2")
        logger.warning("something else")
        logger.warning("error connecting in %s", "pool-3")

    told = written(form, outage)
    assert [text in told for text in ("pool-1", "pool-2", "something else", "pool-3")] == [True, False, True, True]
