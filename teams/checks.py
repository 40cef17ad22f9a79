"""System checks: a wrong setting is named with its cure before anything is served.

ATB.E001 secrets, ATB.E002 model, ATB.E003 roles of the database login, ATB.E004 encryption keys. E003 needs a
connection, so it runs with `manage.py check --database default`, in /health/ready and at the start of web and worker.
"""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import InterfaceError, OperationalError, connections

from teams.secrets import key_problem

logger = logging.getLogger(__name__)

_SECRETS = ("SECRET_KEY", "API_KEY_PEPPER")

# What a login may do counts also when it comes through another role: by inheriting it, or by SET ROLE.
_LOGIN_SQL = """
SELECT r.rolsuper,
       EXISTS (SELECT 1 FROM pg_roles s WHERE s.rolbypassrls AND pg_has_role(r.oid, s.oid, 'MEMBER')),
       EXISTS (SELECT 1 FROM pg_roles s
               WHERE s.rolname IN ('atb_system', 'atb_mirror') AND pg_has_role(r.oid, s.oid, 'USAGE')),
       EXISTS (SELECT 1 FROM pg_class c WHERE c.relrowsecurity AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
FROM pg_roles r WHERE r.rolname = session_user
"""


@checks.register(checks.Tags.security)
def secrets_are_set(**_: Any) -> list[CheckMessage]:
    """Secrets have no default: a known default would let anyone forge sessions and keys."""
    return [
        Error(f"{name} is not set", hint=f"put a long random value into {name}; see .env.example", id="ATB.E001")
        for name in _SECRETS
        if not getattr(settings, name)
    ]


@checks.register(checks.Tags.security)
def encryption_keys_are_usable(**_: Any) -> list[CheckMessage]:
    """Without its keys the product could neither store nor read a provider's key or a tool's credential."""
    problem = key_problem()
    if not problem:
        return []
    hint = "write id:key, the key 32 random bytes as base64, for example k1:...; .env.example says how to make one"
    return [Error(f"ENCRYPTION_KEYS: {problem}", hint=hint, id="ATB.E004")]


@checks.register()
def default_model_is_known(**_: Any) -> list[CheckMessage]:
    """DEFAULT_MODEL is `provider:model`."""
    provider, _sep, model = settings.DEFAULT_MODEL.partition(":")
    if provider and model:
        return []
    return [
        Error(
            f"DEFAULT_MODEL is {settings.DEFAULT_MODEL!r}",
            hint="write provider:model, e.g. openai:gpt-4o-mini",
            id="ATB.E002",
        )
    ]


def login_faults() -> list[str]:
    """Return why row level security would not hold for this database login; empty when it does."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_LOGIN_SQL)
        superuser, bypass, inherits, owns = cursor.fetchone()
    faults = {
        "is a superuser, which ignores row level security": superuser,
        "has BYPASSRLS": bypass,
        "inherits atb_system or atb_mirror and so sees every tenant": inherits,
        "owns tenant tables or may become their owner": owns,
    }
    return [text for text, present in faults.items() if present]


@checks.register(checks.Tags.database)
def login_is_walled_in(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """The product's login must be subject to row level security."""
    if "default" not in (databases or []):
        return []
    return [
        Error(
            f"the database login {text}",
            hint="let DATABASE_URL log in as atb_app; `manage.py roles` makes it",
            id="ATB.E003",
        )
        for text in login_faults()
    ]


def refuse_broken_configuration() -> None:
    """End the process with the errors' texts; called where Django itself runs no checks (ASGI, WSGI, worker).

    A database that is away keeps nobody from starting: /health/ready goes on asking.
    """
    # In a thread of its own, with its own connection: uvicorn imports the application inside its event loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        login = thread.submit(_login_errors).result()
    errors = [message for message in [*checks.run_checks(), *login] if message.level >= checks.ERROR]
    if errors:
        sys.exit("\n".join(str(error) for error in errors))


def _login_errors() -> list[CheckMessage]:
    try:
        return login_is_walled_in(databases=["default"])
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database login could not be checked: %s", error)
        return []
    finally:
        connections["default"].close()
