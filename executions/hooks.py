"""What a webhook is made of: events, address, secret, and the signature of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from executions.webhook_models import every_event
from teams.errors import Located

PREFIX: Final = "whsec_"
MAX_URL: Final = 2000
_SECRET_BYTES: Final = range(24, 65)


@dataclass(frozen=True)
class RunWebhook:
    """Who is to be told of one run alone."""

    url: str
    secret: str
    events: Sequence[str] | None = None

    def problems(self) -> list[Located]:
        """Say what is wrong with it, at `webhook`."""
        found = [*url_problems(self.url), *secret_problems(self.secret)]
        found += event_problems(self.events) if self.events is not None else []
        return [Located(loc=f"webhook.{place['loc']}", msg=place["msg"]) for place in found]


def new_secret() -> str:
    """Return a fresh secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(delivery_id: object, timestamp: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers of a delivery: signed with each of the secrets, of which the receiver needs one."""
    signed = b".".join([str(delivery_id).encode(), str(timestamp).encode(), body])
    return {
        "content-type": "application/json",
        "user-agent": "agent-team-builder-webhooks/1",
        "webhook-id": str(delivery_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_mac(key, signed)}" for key in keys),
    }


def _mac(key: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(_key_bytes(key), signed, hashlib.sha256)).decode()


def _key_bytes(key: str) -> bytes:
    return base64.b64decode(key.removeprefix(PREFIX), validate=True)


# --- what may be wrong ------------------------------------------------------------------------------------------------


def url_problems(url: str) -> list[Located]:
    """Say what is wrong with an address. Where it leads is checked when it is called."""
    example = "write an address such as https://hooks.example.com/runs"
    problem = ""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        problem = f"must be at most {MAX_URL} visible ASCII characters without spaces"
    else:
        try:
            parts = urlsplit(url)
            known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            problem = f"is no address that can be called: {example}"
        elif parts.username is not None or parts.password is not None:
            problem = "must not hold a user name or password"
        elif parts.fragment:
            problem = "must not have a part behind #, which is never sent"
    return [Located(loc="url", msg=problem)] if problem else []


def event_problems(events: Sequence[str]) -> list[Located]:
    """Say what is wrong with a choice of events."""
    known = every_event()
    if not events or len(events) > len(known):
        return [Located(loc="events", msg=f"name each event once, at least one of: {', '.join(known)}")]
    return [
        Located(loc=f"events.{number}", msg=f"there is no such event; there are: {', '.join(known)}")
        for number, event in enumerate(events)
        if event not in known
    ]


def secret_problems(secret: str) -> list[Located]:
    """Say what is wrong with a caller's own secret."""
    try:
        right = secret.startswith(PREFIX) and len(_key_bytes(secret)) in _SECRET_BYTES
    except (binascii.Error, ValueError):
        right = False
    msg = f"must be {PREFIX} and the base64 of {_SECRET_BYTES[0]} to {_SECRET_BYTES[-1]} random bytes"
    return [] if right else [Located(loc="secret", msg=msg)]
