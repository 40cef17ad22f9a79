"""Whether an entry of one list of hosts lies within another list."""

import pytest

from agents.outbound import covers


@pytest.mark.parametrize(
    ("hosts", "entry", "within"),
    [
        (["a.example"], "a.example", True),
        (["a.example"], "b.example", False),
        (["*.example.com"], "api.example.com", True),
        (["*.example.com"], "*.api.example.com", True),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "notexample.com", False),
        (["api.example.com"], "*.example.com", False),
        (["*.example.com"], "api.example.com:8443", False),
        (["*.example.com:8443"], "api.example.com:8443", True),
        ([], "a.example", False),
    ],
)
def test_an_entry_is_within_a_list(hosts: list[str], entry: str, within: bool) -> None:
    assert covers(hosts, entry) is within
