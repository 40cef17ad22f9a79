"""The reading of pages for hostile texts finds each of them where nobody escaped it, and none where somebody did."""

import pytest
from django.utils.html import escape

from tests.xss import TEXTS, Page

PLACES = ["<p>{}</p>", '<input value="{}">', "<input value='{}'>", '<a href="{}">x</a>', "<title>{}</title>"]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_not_escaped_is_found_in_one_place_or_another(text: str) -> None:
    harmless_as_text = "constructor" in text
    assert harmless_as_text or any(Page(place.format(text)).faults for place in PLACES)


@pytest.mark.parametrize("place", [*PLACES[:3], PLACES[4]])
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_escaped_is_text(text: str, place: str) -> None:
    page = Page(place.format(escape(text)))
    assert not page.faults
    assert text in page.text


def test_an_expression_that_a_script_reads_is_a_fault_however_escaped() -> None:
    assert Page(f'<p x-data="{escape(TEXTS[0])}">').faults
    assert Page('<a href="java&#10;script:x">').faults
