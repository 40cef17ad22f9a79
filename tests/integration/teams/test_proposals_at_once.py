"""While a model is asked no transaction is open, and what it said is stored on the version it was asked about."""

import json
import os
import re
import threading
from typing import Any

import psycopg
import pytest

from teams.errors import Conflict
from teams.models import Team
from teams.proposals import proposal_approve, team_recommend
from teams.services import team_create, team_get, team_update
from teams.tenancy import tenant
from tests import factories
from tests.integration.tenancy.threads import outcome, together

pytestmark = pytest.mark.django_db(transaction=True)

MAY_ADD = {"allow_TBA_to_recommend_agents": True, "allow_TBA_how_many_more": 2}
_OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE usename = 'atb_app' AND xact_start IS NOT NULL AND state <> 'idle' AND pid <> pg_backend_pid()
"""


class Meanwhile:
    """Does something at the moment the model is asked, in a thread of its own, before it answers."""

    def __init__(self, model: Any, act: Any) -> None:
        self.done: list[Any] = []
        take = model.take

        def taking(*given: Any) -> Any:
            found = take(*given)
            thread = threading.Thread(target=lambda: self.done.append(outcome(act)))
            thread.start()
            thread.join()
            return found

        model.take = taking


def open_transactions() -> int:
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        return admin.execute(_OPEN).fetchone()[0]


def test_an_open_transaction_would_be_seen(alice):
    with tenant(alice.tenant.id):
        assert open_transactions() == 1
    assert open_transactions() == 0


def test_no_transaction_is_open_while_the_model_is_asked(alice, tba_model, written):
    tba_model.writes(written("Poet"))
    seen = Meanwhile(tba_model, open_transactions)
    team = team_create(actor=alice.actor, config=factories.config("Writer", **MAY_ADD)).team
    changed = {**team.config, "agent_team_main_goal": "Sing."}
    tba_model.writes(written("Editor"))
    team_update(actor=alice.actor, team_id=team.id, config=changed)
    team_create(actor=alice.actor, config=factories.config("Writer", agent_team_flow="Writer->Editor", **MAY_ADD))
    assert seen.done == [0, 0, 0]


def test_none_is_open_in_the_admin_either(alice, tba_model, written, client):
    client.force_login(alice.user, backend="teams.adminbase.PasswordBackend")
    add = "/admin/teams/team/add/"

    def field(page: str) -> str:
        return re.search(r'name="_tenant" value="([^"]+)"', client.get(page).content.decode())[1]

    token = field(add)
    tba_model.writes(written("Poet"))
    seen = Meanwhile(tba_model, open_transactions)
    config = factories.config("Writer", **MAY_ADD)
    answer = client.post(add, {"_tenant": token, "name": "Bricks", "config": json.dumps(config), "reason": ""})
    assert answer.status_code == 302
    with tenant(alice.tenant.id):
        team = Team.objects.get()
    assert [agent["agent_role"] for agent in team.config["agents"]] == ["Writer", "Poet"]
    change = {**team.config, "agent_team_main_goal": "Sing."}
    tba_model.writes(written("Editor"))
    posted = {"_tenant": token, "name": "Bricks", "config": json.dumps(change), "reason": "", "seen_version": "1"}
    assert client.post(f"/admin/teams/team/{team.id}/change/", posted).status_code == 302
    change = {**change, "allow_TBA_how_many_more": 3, "agent_team_flow": "Writer->Poet->Editor"}
    team_update(actor=alice.actor, team_id=team.id, config={**change, "agents": team_now(alice, team).config["agents"]})
    tba_model.writes(written("Clown"))
    assert client.post(f"/admin/teams/team/{team.id}/recommend/", {"_tenant": token, "reason": "x"}).status_code == 302
    assert seen.done == [0, 0, 0]
    assert [one["role"] for one in team_now(alice, team).pending_proposal["additions"]] == ["Clown"]


def team_now(who: Any, team: Any) -> Any:
    return team_get(actor=who.actor, team_id=team.id)


@pytest.mark.parametrize("act", ["update", "recommend"])
def test_a_team_that_moves_while_the_model_is_asked_is_a_conflict(act, alice, tba_model, written):
    team = team_create(actor=alice.actor, config=factories.config("Writer")).team
    allowed = {**team.config, **MAY_ADD}
    if act == "recommend":
        tba_model.says("no")
        team_update(actor=alice.actor, team_id=team.id, config=allowed)
    before = team_now(alice, team).version
    tba_model.writes(written("Poet"))
    moved = {**team.config, "max_turns": 9}
    seen = Meanwhile(tba_model, lambda: team_update(actor=alice.actor, team_id=team.id, config=moved))
    change = {"config": allowed} if act == "update" else {}
    with pytest.raises(Conflict, match="moved"):
        (team_update if change else team_recommend)(actor=alice.actor, team_id=team.id, **change)
    now = team_now(alice, team)
    assert (now.version, now.config["max_turns"], now.pending_proposal) == (before + 1, 9, None)
    assert len(seen.done) == 1


def test_of_approvals_at_once_one_wins(alice, tba_model):
    asks = {**MAY_ADD, "should_TBA_ask_caller_approval": True, "agent_team_flow": "Writer->Critic"}
    team = team_create(actor=alice.actor, config=factories.config("Writer", **asks)).team
    results = together(6, lambda _n: outcome(lambda: proposal_approve(actor=alice.actor, team_id=team.id)))
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception))
    assert team_now(alice, team).version == 2
