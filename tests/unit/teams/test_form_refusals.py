"""What a service refuses is told at the form's fields; what belongs to none of them is told with its place."""

import pytest
from django import forms

from teams.errors import Conflict, Forbidden, Invalid, Located
from teams.forms import ShowsRefusals


class NameForm(ShowsRefusals, forms.Form):
    name = forms.CharField()
    hosts = forms.CharField(required=False)


def tried(error: Exception) -> dict[str, list[str]]:
    form = NameForm({"name": "Anna"})
    assert form.is_valid()

    def change() -> bool:
        raise error

    assert form.tried(change) is None
    return dict(form.errors)


@pytest.mark.parametrize(
    ("loc", "shown"),
    [
        ("name", {"name": ["is taken"]}),
        ("hosts.0", {"hosts": ["0: is taken"]}),
        ("budget.tokens", {"__all__": ["budget.tokens: is taken"]}),
        ("", {"__all__": ["is taken"]}),
    ],
)
def test_each_part_is_at_its_field(loc: str, shown: dict[str, list[str]]) -> None:
    assert tried(Invalid("No.", errors=[Located(loc=loc, msg="is taken")])) == shown


def test_all_that_is_wrong_is_told() -> None:
    error = Invalid("No.", errors=[Located(loc="name", msg="is taken"), Located(loc="name.1", msg="is odd")])
    assert tried(error) == {"name": ["is taken", "1: is odd"]}


def test_what_has_no_place_is_told_of_the_whole_form() -> None:
    assert tried(Conflict("Somebody was faster.")) == {"__all__": ["Somebody was faster."]}


def test_a_missing_right_is_no_mistake_in_the_form() -> None:
    with pytest.raises(Forbidden):
        tried(Forbidden("You may not."))


def test_a_change_that_is_made_is_handed_on() -> None:
    form = NameForm({"name": "Anna"})
    assert form.is_valid()
    assert form.tried(lambda: "made") == "made"
    assert not form.errors
