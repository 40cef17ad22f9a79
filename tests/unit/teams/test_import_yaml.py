"""YAML from outside: plain values, or a refusal with line and column. Nothing in it can grow or run."""

from typing import Any

import pytest

from teams.errors import Invalid
from teams.importers import yaml_text

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LONG_TEXT = f"a: &a {'x' * 50_000}\n" + "".join(f"b{number}: *a\n" for number in range(1_000))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("", None),
        ("a: " + "9" * 101, {"a": "9" * 101}),
    ],
)
def test_read(text: str, value: Any) -> None:
    assert yaml_text.read(text, ("agents",)) == value


@pytest.mark.parametrize(
    ("text", "msg"),
    [
        (LAUGHS, "holds too much once its aliases are written out"),
        (LONG_TEXT, "holds too much once its aliases are written out"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: tags such as !!str are not read here"),
        ("a: !!binary aGk=", "tags such as"),
        ("a: &x [*x]", "a value that holds itself"),
        ("a: &x {<<: *x}", "a value that holds itself"),
        ("a: 1\na: 2", "line 2, column 1: a name is given twice"),
        ("[" * 5_000, "line 1: is nested too deeply"),
        ("a: [1", "line 1, column 6: expected"),
        ("a: *b", "undefined alias"),
        ("1: 2", "field names must be text"),
        ("a: .inf", "must be a finite number"),
        ("a: 0x_", "holds a number that cannot be read"),
        ("a: 1\n--- \nb: 2", "but found another document"),
        ("\x01", "characters that YAML does not allow"),
        ("a" * 100_001, "at most 100000"),
    ],
)
def test_refused(text: str, msg: str) -> None:
    with pytest.raises(Invalid) as caught:
        yaml_text.read(text, ("agents",))
    (error,) = caught.value.errors
    assert error["loc"].startswith("agents")
    assert msg in error["msg"]
