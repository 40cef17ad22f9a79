"""JSON is found in what a model says, however it wraps it."""

import pytest

from agents.extracting import NoJSON, json_in


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1]}',
        ' \n{"a": [1]}\n',
        '```json\n{"a": [1]}\n```',
        '```\n{"a": [1]}```',
        'Here you are:\n```JSON\n{"a": [1]}\n```\nAnything else?',
        'Sure! {"a": [1]} I hope that {helps}.',
        'First [not json] then {"a": [1]}.',
        '```python\nprint(1)\n```\n{"a": [1]}',
    ],
)
def test_found(text):
    assert json_in(text) == {"a": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "5",
        '"text"',
        "null",
        "{",
        "[" * 5000,
        "{" * 100_000,
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"a": "\\ud800"}',
        "[" * 200 + "]" * 200,
    ],
)
def test_nothing_to_be_read(text):
    with pytest.raises(NoJSON):
        json_in(text)
