"""Passwords and keys of one data directory: generated once, kept in a file of mode 0600."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from config.embedded import dotenv

NAMES = (
    "SECRET_KEY",
    "API_KEY_PEPPER",
    "ENCRYPTION_KEYS",
    "POSTGRES_PASSWORD",
    "OWNER_PASSWORD",
    "APP_PASSWORD",
    "REDIS_PASSWORD",
    "MODEL_API_KEY",
)


def load(file: Path) -> dict[str, str]:
    """Return the secrets of this data directory; what is missing is generated and kept."""
    known = dotenv.read(file)
    if missing := [name for name in NAMES if not known.get(name)]:
        # URL-safe characters only, since most of these end up inside a URL.
        known |= {name: _generated(name) for name in missing}
        dotenv.write(file, known, "generated once; without it the data beside it cannot be opened")
    return known


def chosen(secret_values: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the product's own three secrets: the person's own when set, else the generated ones."""
    return {name: environment.get(name) or secret_values[name] for name in NAMES[:3]}


def _generated(name: str) -> str:
    value = secrets.token_urlsafe(32)
    return f"k1:{value}" if name == "ENCRYPTION_KEYS" else value
