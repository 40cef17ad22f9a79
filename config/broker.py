"""Celery's Redis transport without its books in Redis about messages in hand.

kombu writes each message it has taken to two more keys, and takes it out again when it is acknowledged, so that what a
killed worker had in hand can be delivered once more: two thirds of a message's cost. Ours are permits, which may be
lost (the reaper rings again) and are acknowledged as they arrive. How many are in hand is still counted, in memory,
so that a worker takes no more of them than it was told to.
"""

from typing import Any

from kombu.transport import redis, virtual


class _InMemory(virtual.QoS):
    """Counts the messages in hand."""

    def restore_unacked(self) -> None:
        """Permits in hand are lost with their worker."""

    def restore_visible(self, **_: Any) -> None:
        """There is nothing in Redis to restore."""


class _Channel(redis.Channel):
    QoS = _InMemory  # type: ignore[assignment] # kombu's own use asks for no more than a virtual.QoS has


class Transport(redis.Transport):
    """`broker_transport = "config.broker:Transport"`."""

    Channel = _Channel
