"""Settings that are dicts or lists belong to every test: one changed in place stays changed for all that follow.

The fixture `settings` puts back what a test assigns, and cannot see a change inside of a value. So each test ends with
a look at those values (tests/conftest.py): a test that changed one fails, and it is put back, so that no other does.
"""

import copy
from typing import Any

from django.db import connections

from config import settings as project

assert connections.settings  # Django fills in DATABASES on first use

_values: dict[str, Any] = {
    name: value for name, value in vars(project).items() if name.isupper() and isinstance(value, dict | list)
}
_written = {name: repr(value) for name, value in _values.items()}
_copies = copy.deepcopy(_values)


def put_back() -> list[str]:
    """Put back what was changed in place, and return the names."""
    changed = [name for name, value in _values.items() if repr(value) != _written[name]]
    for name in changed:
        value, before = _values[name], copy.deepcopy(_copies[name])
        value.clear()
        value.update(before) if isinstance(value, dict) else value.extend(before)
    return changed
