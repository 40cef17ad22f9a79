"""The shapes of HTTP bodies, queries and answers: pydantic classes, read by code and by the OpenAPI document alike.

`Body` takes JSON as it is (no "5" for 5), `Query` takes the text of an address, `Answer` describes what is sent.
Unknown fields are refused in each of them.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from django.http import QueryDict
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from teams.errors import Invalid, Located
from teams.located import located
from teams.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT


class Shape(BaseModel):
    """Base of all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, values: object, saying: str = "The request") -> Self:
        """Check values from outside. Raises `Invalid` with everything that is wrong with them."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _invalid(saying, list(located(error, cls))) from error


class Body(Shape):
    """What a caller sends as JSON."""

    model_config = ConfigDict(strict=True)


class Answer(Shape):
    """What a caller gets. Nothing has a default here, so that every field is always sent."""


A = TypeVar("A", bound=Answer)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains the NUL character: remove it")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
"""A short text in a query; PostgreSQL takes no NUL."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its offset from UTC. PostgreSQL refuses offsets of 16 hours and more, which are valid elsewhere."""


class Query(Shape):
    """What a caller writes behind the `?`; a class without fields takes nothing there."""

    @classmethod
    def of(cls, parameters: QueryDict) -> Self:
        """Check the parameters of a request. Raises `Invalid` for unknown, repeated and unreadable ones."""
        twice = [name for name, values in parameters.lists() if len(values) > 1]
        if twice:
            raise _invalid("The query", [Located(loc=name[:100], msg="is given twice: keep one") for name in twice])
        return cls.read(parameters.dict(), "The query")


class PageQuery(Query):
    """Which page of a list."""

    cursor: Annotated[str, Field(max_length=MAX_CURSOR)] | None = Field(
        None, description="From the links `next` and `previous`; left out for the first page."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(DEFAULT_LIMIT, description="At most so many on a page.")


class Page(Answer, Generic[A]):
    """One page of a list."""

    results: list[A]
    next: str | None = Field(description="Address of the next page; null on the last one.")
    previous: str | None = Field(description="Address of the page before; null on the first one.")


class Problem(Answer):
    """What went wrong (RFC 9457). Some problems have further members, such as the `execution_id` of a failed run."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem; stays the same whatever the texts say.")
    title: str
    status: int
    detail: str = Field(description="For people.")
    errors: list["ProblemPlace"] = Field(description="Each thing that was wrong, in the order found; may be empty.")


class ProblemPlace(Answer):
    """One thing that is wrong."""

    loc: str = Field(
        description="Dotted path of the field, parameter or header, `agents.1.LLM_model.provider`; inside a team's "
        'config it starts at the config; "" for the whole body.'
    )
    msg: str


def _invalid(saying: str, errors: list[Located]) -> Invalid:
    return Invalid(f"{saying} has {len(errors)} error{'s' if len(errors) != 1 else ''}.", errors=errors)


def as_json(answer: Answer) -> dict[str, Any]:
    """The answer as the plain values JSON has."""
    return answer.model_dump(mode="json")
