"""Part `teams`: what storing and showing a team costs, beside a bare view that stores the same document."""

from typing import Any

from benchmarks import load
from benchmarks.processes import Clock, percentile
from benchmarks.product import TEAM, Product

TABLE = "create table benchmark_team (id uuid primary key, name text not null, config jsonb not null)"
WARM_UP = 60

Result = dict[str, Any]


def measure(model: str, requests: int) -> Result:
    """Ours and the bare view, on the same web server program, settings and PostgreSQL."""
    with Product(model + "/v1", slots=8) as product:
        product.database.execute(TABLE)
        env = {"PEER_DATABASE": product.admin_url}
        with product.same_server("benchmarks.peer_drf:application", **env) as (address, pid):
            bare = both(product, address, "", pid, requests)
            ours = both(product, product.address, product.key, product.pids["web"], requests)
    return {"bare": bare, "ours": ours}


def both(product: Product, address: str, key: str, web: int, requests: int) -> Result:
    """One client, one request after the other: so many POSTs, then as many GETs of one team."""
    post = ("POST", "/api/v1/teams", {"name": "Bricks", "config": TEAM})
    load.repeat(address, key, [post] * WARM_UP)
    team = load.ask(address, key, *post)["id"]
    get = ("GET", f"/api/v1/teams/{team}", None)
    load.repeat(address, key, [get] * WARM_UP)
    return {
        name: one(product, address, key, web, [request] * requests) for name, request in (("POST", post), ("GET", get))
    }


def one(product: Product, address: str, key: str, web: int, requests: list[tuple[str, str, Any]]) -> Result:
    """CPU milliseconds a request of the web process and of PostgreSQL, and the median time of an answer."""
    own = product.database.info.backend_pid
    with Clock(leave_out=[own], web=web, postgres=product.pids["postgres"]) as clock:
        times = load.repeat(address, key, requests)
    return {"p50": percentile(times, 0.5), "cpu": {name: used / len(times) for name, used in clock.cpu.items()}}
