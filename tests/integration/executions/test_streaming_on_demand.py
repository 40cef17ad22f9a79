"""A model's answer is read word by word only when somebody wants the words."""

import pytest

from executions import runtime
from executions.models import Source
from executions.services import execution_start
from executions.worker import Worker
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def streamed(fake_model, alice, **given):
    """For each call made for a run, whether it was asked to stream."""
    execution_start(actor=alice.actor, team_id=factories.team(alice).id, **given)
    assert runtime.run_next(Worker(slots=1))
    return [bool(call.body.get("stream")) for call in fake_model.calls]


def test_nobody_watches(fake_model, alice):
    assert streamed(fake_model, alice) == [False, False]


def test_the_caller_asks_for_it(fake_model, alice):
    assert streamed(fake_model, alice, stream_tokens=True) == [True, True]


@pytest.mark.parametrize("source", [Source.ADMIN, Source.COMMAND])
def test_a_person_started_it(fake_model, alice, source):
    assert streamed(fake_model, alice, source=source) == [True, True]


def test_somebody_follows_the_run(fake_model, alice, monkeypatch, settings):
    import redis

    from executions import stream

    followers = []

    def follow_during_the_first_call(tenant_id, execution_id, seq=0, *, tell=stream.publish_news):
        watched = tell(tenant_id, execution_id, seq)
        if not followers:  # the run has just started: somebody opens its page now
            client = redis.Redis.from_url(settings.REDIS_URL)
            pubsub = client.pubsub()
            pubsub.subscribe(stream.channel(settings.REDIS_PREFIX, tenant_id, execution_id))
            pubsub.get_message(timeout=2)
            followers.append((client, pubsub))
        return watched

    monkeypatch.setattr(stream, "publish_news", follow_during_the_first_call)
    assert streamed(fake_model, alice) == [False, True]
    for client, pubsub in followers:
        pubsub.close()
        client.close()
