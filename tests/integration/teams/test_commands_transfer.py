"""`export_teams` and `import_teams`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from teams.models import Team
from teams.tenancy import tenant
from tests import factories, samples

pytestmark = pytest.mark.django_db


def run(command: str, *words: Any) -> str:
    out = StringIO()
    call_command(command, *map(str, words), stdout=out, stderr=StringIO())
    return out.getvalue()


def names(who: Any) -> list[str]:
    with tenant(who.tenant.id):
        return list(Team.objects.order_by("name").values_list("name", flat=True))


def test_from_one_tenant_to_another(alice: Any, charlie: Any, tmp_path: Path) -> None:
    team, file = factories.team(alice), tmp_path / "teams.json"
    run("export_teams", "--tenant", "acme", "--out", file, team.id)
    said = run("import_teams", "--tenant", "globex", file)
    assert f"created  {team.name}" in said
    assert said.endswith("agent-team-builder: 1 created\n")
    assert names(charlie) == [team.name]


def test_standard_output_is_the_document_alone(alice: Any) -> None:
    team = factories.team(alice)
    document = json.loads(run("export_teams", "--tenant", "acme"))
    assert [entry["id"] for entry in document["teams"]] == [str(team.id)]


def test_a_foreign_team_is_not_found(alice: Any, charlie: Any) -> None:
    for team_id in (factories.team(charlie).id, uuid4()):
        with pytest.raises(CommandError, match=f"Team ID {team_id} not found or is deleted"):
            run("export_teams", "--tenant", "acme", team_id)
    with pytest.raises(CommandError, match="is not the id of a team"):
        run("export_teams", "--tenant", "acme", "mine")


def test_a_crew_as_two_files_or_as_its_folder(alice: Any, tmp_path: Path) -> None:
    for name in ("agents", "tasks"):
        (tmp_path / f"{name}.yaml").write_text(samples.text(f"crewai_{name}.yaml"), encoding="utf-8")
    said = run("import_teams", "--tenant", "acme", tmp_path / "agents.yaml", "--tasks", tmp_path / "tasks.yaml")
    assert "tasks.check_task.human_input: not carried over" in said
    assert run("import_teams", "--tenant", "acme", tmp_path).endswith("crewai: 1 created\n")
    assert names(alice) == ["Crew: researcher, analyst, editor"] * 2


def test_autogen_studio_as_a_dry_run(alice: Any) -> None:
    said = run("import_teams", "--tenant", "acme", samples.FOLDER / "autogen_gallery.json", "--dry-run")
    assert said.endswith("autogen-studio: 2 created (dry run: nothing is stored)\n")
    assert names(alice) == []


def test_a_team_that_fails_is_told_and_is_exit_status_1(alice: Any, tmp_path: Path) -> None:
    teams = [{"name": "Good", "config": factories.config()}, {"name": "Bad", "config": factories.config(max_turns=0)}]
    file = tmp_path / "teams.json"
    file.write_text(json.dumps({"format": "agent-team-builder", "version": 1, "teams": teams}), encoding="utf-8")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 2 teams could not be imported"):
        call_command("import_teams", "--tenant", "acme", str(file), stdout=out)
    assert "error at max_turns: must be 1 or more; got 0" in out.getvalue()
    assert names(alice) == ["Good"]


@pytest.mark.parametrize(
    ("name", "content", "msg"),
    [
        ("teams.json", b"{", "line 1, column 2"),
        ("teams.json", b"5", "in no format that can be imported"),
        ("agents.yaml", b"\xff", "not UTF-8"),
        ("agents.yaml", b"a: [", "agents: line 1"),
        ("nothing.json", None, "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read(alice: Any, tmp_path: Path, name: str, content: bytes | None, msg: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError, match=msg):
        run("import_teams", "--tenant", "acme", tmp_path / name)


def test_a_folder_without_a_crew(alice: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"holds no agents\.yaml"):
        run("import_teams", "--tenant", "acme", tmp_path)
