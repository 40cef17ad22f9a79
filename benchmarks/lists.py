"""Part `lists`: how long each list takes with 5,000 teams and 200,000 runs (benchmarks/lists.sql), and what it asks.

Every link of a list that leads back to it is followed: filters, orders, pages, the last one among them. A member looks
at one tenant, a superuser at all of them. The web server is the product's (benchmarks/counted.py).
"""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import psutil

from benchmarks.product import TEAM, Product
from config.embedded.datadir import DataDir

LIMIT_MS: Final = 300
LISTS: Final = "/benchmark/lists"
"""Where the measured server says which lists it has."""

PLACES: Final = ("one tenant", "all tenants")
TERM: Final = "Release"
MOST_OF_A_KIND: Final = 12
"""Links that are followed of those that say something to the same parameter."""

_LINK = re.compile(r'href="(\?[^"]+)"')
_TOKEN = re.compile(r'name="(csrfmiddlewaretoken|_tenant)" value="([^"]+)"')
_SEED: Final = Path(__file__).with_suffix(".sql")
_API: Final = (
    "teams?limit=200", f"teams?name={TERM}", "teams?deleted=true", "teams/{team}/versions", "executions?limit=200",
    "executions?status=failed", "executions?status=quarantined", "executions?status=running", "executions?source=admin",
    "executions?source=kafka", "executions?team_id={team}", "executions?team_id={team}&status=cancelled",
    "approvals", "approvals?state=waiting", "approvals?state=decided", "audit", "audit?actor=user:user-7",
    "audit?actor=user:nobody", "audit?action=team.rename", "audit?action=team.nothing", "audit?object_type=schedule",
    "api-keys", "members", "schedules", "webhooks", "webhooks/deliveries", "usage?from={first}&to={last}",
    "templates", "tool-credentials",
)  # fmt: skip

Result = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """An address, who looks at it, and whether a key or a session opens it."""

    place: str
    name: str
    address: str


def measure(model: str, times: int) -> Result:
    """Seed, serve, look at every list so many times: a row for each, the slowest first."""
    with Product(model + "/v1", slots=8) as product, product.workers_stopped():
        seed(product)
        with counted(product) as address:
            rows = look(product, address, times)
    rows.sort(key=lambda row: -row["ms"])
    return {"times": times, "limit_ms": LIMIT_MS, "rows": rows}


def seed(product: Product) -> None:
    """Fill the database, and let PostgreSQL know it."""
    product.database.execute("SELECT set_config('benchmark.team', %s, false)", [json.dumps(TEAM)])
    product.database.execute(_SEED.read_text().encode())
    product.database.execute("VACUUM ANALYZE")


@contextmanager
def counted(product: Product) -> Iterator[str]:
    """The product's web server with the counting middleware: its address."""
    environment = psutil.Process(product.pids["web"]).environ()
    with product.same_server("benchmarks.counted:application", **environment) as (address, _pid):
        yield address


def look(product: Product, address: str, times: int) -> list[Result]:
    """Measure every page as a member, as a superuser over all tenants, and with a key."""
    found = []
    for place in PLACES:
        with httpx.Client(base_url=address, follow_redirects=True, timeout=120) as browser:
            sign_in(product, browser, across=place == PLACES[1])
            found += [timed(browser, page, times) for page in pages(product, browser, place)]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {product.key}"}, timeout=120) as client:
        found += [timed(client, page, times) for page in api_pages(product, client)]
    return found


def sign_in(product: Product, browser: httpx.Client, *, across: bool) -> None:
    """Sign the demo user in through the login page; `across`: to look at all tenants."""
    password = DataDir(product.folder).demo_password.read_text().strip()
    _submit(browser, "/admin/login/?next=/admin/", page="/admin/login/", username="demo", password=password)
    if across:
        _submit(browser, "/admin/tenant/", page="/admin/", tenant="all")


def _submit(browser: httpx.Client, address: str, page: str, **fields: str) -> None:
    shown = browser.get(page)
    fields |= dict(_TOKEN.findall(shown.text))
    browser.post(address, data=fields, headers={"Referer": str(shown.url)}).raise_for_status()


def pages(product: Product, browser: httpx.Client, place: str) -> Iterator[Page]:
    """The overview, each list with all that its links show of it, and pages that list parts of one object."""
    yield Page(place, "overview", "/admin/")
    for label, path in browser.get(LISTS).json()["lists"].items():
        yield Page(place, label, path)
        shown = browser.get(path).text
        yield from (Page(place, label, path + query) for query in _queries(shown))
        if 'name="q"' in shown:
            yield from (Page(place, label, f"{path}?q={term}") for term in (TERM, "nothing at all"))
    team = product.query("SELECT id FROM team WHERE n = 1")
    yield Page(place, "versions of a team", f"/admin/teams/team/{team}/history/")
    yield Page(place, "search of all pages", f"/admin/search/?s={TERM}&extended=1")
    if place == PLACES[0]:
        yield Page(place, "a new schedule", "/admin/executions/schedule/add/")
        yield Page(place, "a new webhook", "/admin/executions/webhook/add/")


def _queries(shown: str) -> list[str]:
    kept: dict[str, set[str]] = {}
    for link in _LINK.findall(shown):
        query = html.unescape(link)
        said = "&".join(sorted(name for name, _ in parse_qsl(query[1:])))
        if said and (query in kept.setdefault(said, set()) or len(kept[said]) < MOST_OF_A_KIND):
            kept[said].add(query)
    return sorted(query for queries in kept.values() for query in queries)


def api_pages(product: Product, client: httpx.Client) -> Iterator[Page]:
    """The lists of the API, each with its second page."""
    today = datetime.now(UTC).date()
    values = {
        "team": product.query("SELECT id FROM team WHERE n = 1"),
        "first": today - timedelta(days=29),
        "last": today,
    }
    for template in _API:
        path = "/api/v1/" + template.format(**values)
        yield Page("API", template, path)
        if following := client.get(path).json().get("next"):
            yield Page("API", f"{template}, second page", following)


def timed(client: httpx.Client, page: Page, times: int) -> Result:
    """Ask once to warm up, then so many times: the median, and what the server tells of its questions."""
    took: list[float] = []
    for _ in range(times + 1):
        began = perf_counter()
        answer = client.get(page.address)
        took.append((perf_counter() - began) * 1000)
        answer.raise_for_status()
    told = answer.headers
    numbers = {name: float(told.get(header, 0)) for name, header in (("cpu_ms", "X-Cpu-Ms"), ("sql_ms", "X-Sql-Ms"))}
    return {
        "place": page.place, "name": page.name, "address": re.sub("^https?://[^/]+", "", page.address),
        "ms": median(took[1:]), "queries": int(told.get("X-Queries", 0)), **numbers,
        "longest": told.get("X-Longest", ""), "kb": len(answer.content) // 1024,
    }  # fmt: skip
