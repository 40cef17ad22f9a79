"""A corpus of bad configs, each in a file named by what is wrong with it, through every door a config can come in by.

tests/samples/bad_configs.index.json says for each which status and which place it must be answered with; `validate`
is there when POST /api/v1/teams/validate cannot even read it (else that answers 200 with the same place).
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teams.models import AuditEntry, Team
from teams.tenancy import tenant
from tests import factories

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
INDEX: dict[str, dict[str, Any]] = json.loads((SAMPLES / "bad_configs.index.json").read_text())

VALIDATE, CREATE, BUILD, SAVE = "/api/v1/teams/validate", "/api/v1/teams", "/build", "/teams"


def send(client: Any, door: str, config: bytes) -> Any:
    """The config as its bytes are, inside the body that the door takes."""
    body = config if door in {BUILD, SAVE} else b'{"config": ' + config + b"}"
    return client.generic("POST", door, body, content_type="application/json")


def assert_nothing_stored(owner: Any) -> None:
    with tenant(owner.tenant.id):
        assert not Team.objects.exists()
        assert not Team.history.exists()
        assert not AuditEntry.objects.filter(object_type="team").exists()


def test_the_index_lists_what_is_there() -> None:
    assert set(INDEX) == {path.stem for path in (SAMPLES / "bad_configs").iterdir()}
    assert len(INDEX) >= 30


@pytest.mark.parametrize("name", INDEX)
def test_refused_at_every_door(api: Any, alice: Any, name: str) -> None:
    config, wanted, client = (SAMPLES / "bad_configs" / f"{name}.json").read_bytes(), INDEX[name], api(alice)
    for door in (VALIDATE, CREATE, BUILD, SAVE):
        answer = send(client, door, config)
        body = answer.json()
        if door == VALIDATE:
            assert answer.status_code == wanted.get("validate", 200), body
            assert body.get("valid", False) is False
        else:
            assert answer.status_code == wanted["status"], body
        places = [error["loc"] for error in body["errors"]]
        assert any(_is_at(place, wanted["loc"]) for place in places), (door, body["errors"])
        assert all(error["msg"] for error in body["errors"])
        assert len(answer.content) < 20_000
    assert_nothing_stored(alice)


def _is_at(place: str, wanted: str) -> bool:
    # Of what is nested too deeply the place goes down as far as it was followed.
    return place == wanted or (bool(wanted) and place.startswith(f"{wanted}.0."))


# --- a good config with something changed in it -----------------------------------------------------------------------

GOOD = factories.config(
    "Writer",
    "Critic",
    agent_team_flow="Writer->Critic->Writer",
    metadata={"note": "x"},
    available_tools=["Search_Vector_DB"],
)
GOOD["agents"][0] |= {
    "LLM_model": {"provider": "openai", "model": "scripted"},
    "LLM_configuration": {"temperature": 0.5, "max_tokens": 50},
    "agent_tools": ["Search_Vector_DB"],
}

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["", " ", "Writer", "A->B", "->", "\0", "\ud800", "openai", "globex", "x" * 5000, "1e999", 10**400]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, item in inner for path in _paths(item, (*at, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The good config with one to three places replaced, removed, doubled or added to."""
    config = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(config)))
        if not path:
            continue
        parent = config
        for key in path[:-1]:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "remove", "add", "double"])):
            case "replace":
                parent[path[-1]] = draw(_values)
            case "remove":
                del parent[path[-1]]
            case "add" if isinstance(parent, dict):
                parent[draw(st.text(max_size=20))] = draw(_values)
            case _ if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[path[-1]]))
    return config


@pytest.fixture
def client_of_alice(api: Any, alice: Any) -> Any:
    """One key for all examples."""
    return api(alice)


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(config=mutated())
def test_whatever_is_changed_in_a_good_one(client_of_alice: Any, config: Any) -> None:
    raw = json.dumps(config).encode()
    client = client_of_alice
    checked, built = send(client, VALIDATE, raw), send(client, BUILD, raw)
    assert checked.status_code in {200, 400, 403}, checked.content
    assert built.status_code in {200, 400, 403}, built.content
    # The two must agree, or validating would be no help.
    assert (built.status_code == 200) == (checked.status_code == 200 and checked.json()["valid"])
    if built.status_code == 200:
        team = built.json()["team_id"]
        assert client.get(f"/api/v1/teams/{team}").status_code == 200
        stored = client.get(f"/api/v1/teams/{team}").json()["config"]
        assert send(client, VALIDATE, json.dumps(stored).encode()).json()["valid"] is True
    else:
        assert built.json()["errors"]
