"""What pydantic refuses is told in our words: what it must be, and how to put it right."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from teams.located import located


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = 0
    share: float = 0.0
    yes: bool = False
    moment: AwareDatetime | None = None
    day: date | None = None
    mode: Literal["create", "update"] = "create"
    colour: Colour = Colour.RED
    names: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: ["a"])
    above: Annotated[float, Field(gt=0, lt=10_000_000.0)] = 1.0
    most: Annotated[float, Field(le=10_000_000.0)] = 1.0
    team_id: UUID | None = None
    agent_id: UUID | None = None
    agent_tools: list[str] = Field(default_factory=list)
    reason: str = ""
    LLM_model: str = ""
    fallback_model: str = ""


def said(**values: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        Everything(**values)
    [problem] = located(refused.value, Everything)
    return problem["msg"]


MOMENT = (
    "must be a date and time with its offset from UTC, such as 2026-11-27T10:40:00Z (a + in an address is written %2B)"
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": "x"}, "must be a whole number such as 5"),
        ({"number": 1.5}, "must be a whole number such as 5, without a decimal point"),
        ({"number": "9" * 5000}, "is too large a number"),
        ({"share": "x"}, "must be a number such as 0.7"),
        ({"yes": "maybe"}, "must be true or false"),
        ({"moment": "x"}, MOMENT),
        ({"moment": "2026-01-01"}, MOMENT),
        ({"moment": "2026-01-01T00:00:00"}, MOMENT),
        ({"moment": "2026-01-01T00:00:00 01:00"}, MOMENT),
        ({"moment": []}, f"{MOMENT}; got a list"),
        ({"day": "x"}, "must be a day such as 2026-11-27"),
        ({"day": "2026-13-01"}, "must be a day such as 2026-11-27"),
        ({"day": "2026-11-01T10:00:00"}, "must be a day such as 2026-11-27"),
        ({"mode": "x"}, "must be 'create' or 'update'"),
        ({"colour": "x"}, "must be 'red' or 'blue'"),
        ({"names": []}, "has too few entries: at least 1"),
        ({"above": 0}, "must be more than 0; got 0"),
        ({"above": 1e8}, "must be less than 10000000; got 100000000.0"),
        ({"most": 1e8}, "must be 10000000 or less; got 100000000.0"),
        ({"team_id": "x"}, "must be a UUID, 8-4-4-4-12 hexadecimal digits"),
        ({"agent_id": "x"}, "must be a UUID, 8-4-4-4-12 hexadecimal digits; leave it out and one is given"),
        ({"tools": []}, 'is not a known field: did you mean "agent_tools"?'),
        ({"teams_id": "x"}, 'is not a known field: did you mean "team_id"?'),
        ({"version": 1}, "is not a known field: remove it"),
        ({"llm_model": "x"}, 'is not a known field: did you mean "LLM_model"?'),
    ],
)
def test_said(values: dict[str, Any], message: str) -> None:
    assert said(**values) == message
