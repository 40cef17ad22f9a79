"""Audit entries as sentences, and what differs in them."""

from typing import Any

import pytest

from teams.audit_words import SENTENCES, differences, sentence, unchanged, who
from teams.models import AuditEntry


def entry(action: str, before: Any = None, after: Any = None, **more: Any) -> AuditEntry:
    given = {"actor": "user:alice", "object_type": "team", "object_id": "6f1e2b1c-6c57-4ad5-9a3a-0f6b3f0f4b7e", **more}
    return AuditEntry(action=action, before=before, after=after, **given)


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("user:alice", "alice"),
        ("key:ab12", "API key tb_live_ab12_…"),
        ("system:import", "the product (import)"),
        ("x", "x"),
    ],
)
def test_who(actor: str, told: str) -> None:
    assert who(actor) == told


def test_a_roll_back_names_the_team_and_both_versions() -> None:
    rolled = entry("team.rollback", {"version": 4}, {"version": 5, "from_version": 3})
    assert sentence(rolled, "Bricks") == "alice rolled the team Bricks back to version 3, as version 5"


def test_without_a_name_its_own_words_or_the_ids_beginning_serve() -> None:
    assert sentence(entry("team.delete")) == "alice deleted the team 6f1e2b1c"
    assert (
        sentence(entry("key.create", after={"name": "CI", "prefix": "ab"}))
        == "alice made the API key CI (tb_live_ab_…)"
    )


def test_what_old_entries_do_not_hold_is_a_question_mark() -> None:
    assert sentence(entry("team.rollback", {"version": 4}, {"version": 5}), "B").endswith("version ?, as version 5")


def test_an_unknown_action_is_told_by_its_name() -> None:
    assert sentence(entry("rocket.launch")) == "alice: rocket.launch 6f1e2b1c"


@pytest.mark.parametrize("action", SENTENCES)
def test_every_sentence_can_be_said_of_an_empty_entry(action: str) -> None:
    assert sentence(entry(action)).startswith("alice ")


def test_names_with_braces_are_words() -> None:
    assert sentence(entry("team.delete"), "{old}") == "alice deleted the team {old}"


def test_a_tool_is_switched_one_way() -> None:
    assert sentence(entry("tool.switch", after={"name": "T", "enabled": False})) == "alice switched the tool T off"


def test_differences_name_fields_and_words() -> None:
    found = differences({"prompt": "be kind", "same": 1, "gone": "x"}, {"prompt": "be strict", "same": 1, "new": True})
    assert [(row.field, [(piece.op, piece.text) for piece in row.pieces]) for row in found] == [
        ("prompt", [("same", "be "), ("del", "kind"), ("ins", "strict")]),
        ("new", [("ins", "yes")]),
        ("gone", [("del", "x")]),
    ]
    assert unchanged({"same": 1}, {"same": 1, "new": True}) == [("same", "1")]


def test_one_side_alone_is_all_new_or_all_gone() -> None:
    assert [piece.op for row in differences(None, {"a": ["x", "y"]}) for piece in row.pieces] == ["ins"]
    assert [piece.op for row in differences({"a": {"b": 1}}, None) for piece in row.pieces] == ["del"]
    assert differences(None, None) == []
