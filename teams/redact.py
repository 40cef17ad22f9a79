"""Take credentials out of what people read: steps, errors, logs.

A value keeps its shape; a credential in it becomes "[redacted]". Two things give one away: the name it stands under
("password", "api_key") and its own shape (our keys, providers' keys, bearer tokens, JWTs, passwords in addresses,
private keys). Ordinary text passes a check by plain search and no regular expression ever looks at it. Every pattern
takes time linear in the text: a run of characters is entered at its start alone, and quantifiers do not give back.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

JSON: TypeAlias = Any

REDACTED = "[redacted]"
DEEPEST = 100
"""Values nested deeper are left out: nothing of ours is, and each level costs stack."""

SHORTEST_SECRET = 6
"""Known secrets shorter than this are not searched for: they would hit ordinary words."""

SHORTEST_TEXT = 10
"""No shape fits into fewer characters."""

_NAMES = frozenset(
    [
        "accountkey",
        "apikey",
        "auth",
        "authorization",
        "clientsecret",
        "connectionstring",
        "cookie",
        "credential",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "privatekey",
        "proxyauthorization",
        "pwd",
        "secret",
        "secretkey",
        "secrets",
        "sessionid",
        "setcookie",
        "signature",
        "token",
    ]
)
_NAME_ENDS = (
    "accesskey", "accesstoken", "apikey", "apitoken", "authtoken", "bearertoken", "clientsecret", "idtoken",
    "passphrase", "password", "privatekey", "refreshtoken", "secret", "secretaccesskey", "secretkey",
    "sessiontoken", "signingkey", "encryptionkey",
)  # fmt: skip

_WORD = (
    r"(?:api[_-]?key|access[_-]?key|account[_-]?key|secret[_-]?key|private[_-]?key|client[_-]?secret|passphrase"
    r"|password|passwd|pwd|secret|(?:access|refresh|auth|id|api|session)[_-]?token|token)"
)
# Tried in this order. What the first group of a pattern holds stays.
_SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (
        ("PRIVATE KEY",),
        re.compile(
            r"()-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"[\s\S]*?(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
    ),
    (("tb_live_",), re.compile(r"(tb_live_[a-z0-9]{10}_)[\w-]++")),
    (("eyJ",), re.compile(r"()(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+)*+")),
    (("://",), re.compile(r"(://[^\s/@:?#\"'<>]*+:)[^\s/?#\"'<>]+(?=@)")),
    (
        ("uthorization", "UTHORIZATION"),
        re.compile(
            r"(?i)(authorization\\{0,3}[\"']?\s{0,3}[:=]\s{0,3}\\{0,3}[\"']?(?:basic|bearer|digest|token|apikey)\s{1,3})"
            r"[\w.~+/=-]{6,}+"
        ),
    ),
    (
        ("earer", "EARER"),
        re.compile(r"(?i)((?<![\w-])bearer\s{1,3})(?=[^\s\d]{0,200}\d|[\w.~+/=-]{24})[\w.~+/=-]{8,}+"),
    ),
    (("ookie", "OOKIE"), re.compile(r"(?i)((?<![\w-])(?:set-)?cookie:[ \t]{0,3})[\w.-]++=[^\r\n\"]++")),
    (
        ("sk-", "sk_", "rk_", "pk_", "xai-", "nvapi-", "pplx-", "tvly-", "glpat-",
         "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xapp-", "pypi-", "lsv2_"),
        re.compile(
            r"()(?<![A-Za-z0-9_-])(?:[gsrp]?sk[-_]|rk_|pk_live_|xai-|nvapi-|pplx-|tvly-|glpat-|xox[abeprs]-|xapp-|pypi-|lsv2_)"
            r"(?=[A-Za-z_-]{0,200}\d)[\w-]{16,}+"
        ),
    ),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "npm_", "whsec_", "r8_", "dop_v1_"),
        re.compile(
            r"()(?<![A-Za-z0-9_-])(?:gh[pousr]_|github_pat_|hf_|npm_|whsec_|r8_|dop_v1_)[\w.-]{16,}+"
        ),
    ),
    (("ya29.",), re.compile(r"()(?<![\w-])ya29\.[\w-]{16,}+")),
    (("AKIA", "ASIA"), re.compile(r"()(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")),
    (("AIza",), re.compile(r"()(?<![\w-])AIza[\w-]{30,}+")),
    (("SG.",), re.compile(r"()(?<![\w-])SG\.[\w-]{16,}+\.[\w-]{16,}+")),
)  # fmt: skip
# A single character is found many times faster than a word, so one that each hint ends with is looked for first.
_CHECKED = [
    (last, tuple(hint for hint in hints if hint.endswith(last)), shape)
    for hints, shape in _SHAPES
    for last in sorted({hint[-1] for hint in hints})
]
# "password": "…", also as JSON inside of JSON, where quotes stand behind backslashes.
_QUOTED = re.compile(rf"(?i)((?<![a-z0-9]){_WORD}(\\{{0,7}}[\"'])\s{{0,3}}:\s{{0,3}}\2)(?!\[redacted\])[^\"'\\]{{4,}}+")
# password=…, also in an address's query; not what is a call or an index: token=get(…).
_ASSIGNED = re.compile(
    rf"(?i)((?<![a-z0-9]){_WORD}\s?=\s?[\"']?)(?!\[redacted\])[^\s\"'&<>,;(){{}}\[\]\\]{{6,}}+(?![(\[])"
)
_NAMED_HINTS = ("key", "token", "secret", "passw", "passphrase", "pwd")


def redacted(value: JSON, secrets: Collection[str] = ()) -> JSON:
    """Return the value without credentials; `secrets` are known ones, found wherever they stand."""
    return _redacted(value, _worth(secrets), 0)


def redacted_text(text: str, secrets: Collection[str] = ()) -> str:
    """Return the text without credentials."""
    return _text(text, _worth(secrets))


@lru_cache(maxsize=1024)
def names_credential(name: str) -> bool:
    """True: what stands under this name is a credential, whatever it looks like."""
    bare = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return bare in _NAMES or bare.endswith(_NAME_ENDS)


def _worth(secrets: Collection[str]) -> list[str]:
    """Those long enough to be searched for, the longest first, so that none is cut by a shorter one inside it."""
    return sorted((each for each in secrets if len(each) >= SHORTEST_SECRET), key=len, reverse=True)


def _redacted(value: JSON, secrets: list[str], depth: int) -> JSON:
    if isinstance(value, str):
        return _text(value, secrets)
    if depth > DEEPEST and isinstance(value, Mapping | list | tuple):
        return REDACTED
    if isinstance(value, Mapping):
        return {
            _text(name, secrets) if isinstance(name, str) else name: (
                _blank(each, depth + 1)
                if isinstance(name, str) and names_credential(name)
                else _redacted(each, secrets, depth + 1)
            )
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redacted(each, secrets, depth + 1) for each in value]
    return value


def _blank(value: JSON, depth: int) -> JSON:
    """The same shape with nothing in it; that something is missing or empty, on or off, is no secret."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    if depth > DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        return {name: _blank(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_blank(each, depth + 1) for each in value]
    return REDACTED


def _text(text: str, secrets: list[str]) -> str:
    if len(text) < SHORTEST_TEXT and not secrets:
        return text
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    for needed, hints, shape in _CHECKED:
        if needed in text:
            for hint in hints:
                if hint in text:
                    text = shape.sub(rf"\g<1>{REDACTED}", text)
                    break
    if "=" in text and _mentions_one(text):
        text = _ASSIGNED.sub(rf"\g<1>{REDACTED}", text)
    if ('":' in text or "':" in text or '" :' in text or "' :" in text) and _mentions_one(text):
        text = _QUOTED.sub(rf"\g<1>{REDACTED}", text)
    return text


def _mentions_one(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in _NAMED_HINTS)
