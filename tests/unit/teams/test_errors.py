import json

import pytest

from teams import errors
from teams.errors import Invalid, TeamBuilderError

every = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TeamBuilderError)]


@pytest.mark.parametrize("kind", every)
def test_a_problem_is_complete_json_with_the_docstring_as_detail(kind):
    problem = json.loads(json.dumps(kind().problem()))
    assert problem == {
        "type": f"urn:agent-team-builder:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.__doc__,
        "errors": [],
    }


def test_every_kind_has_its_own_code():
    assert len({kind.code for kind in every}) == len(every)


def test_invalid_reads_with_its_places():
    error = Invalid("Bad config.", errors=[{"loc": "a.0", "msg": "must be text"}, {"loc": "", "msg": "is empty"}])
    assert str(error) == "Bad config. a.0: must be text; config: is empty"
