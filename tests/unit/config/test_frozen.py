"""A test that changes a setting in place is found, and its change undone (tests/frozen.py)."""

from django.conf import settings

from tests import frozen


def test_a_change_inside_of_a_dict_is_found_and_undone():
    before = repr(settings.LLM_PROVIDERS)
    settings.LLM_PROVIDERS["openai"]["models"] = {}
    assert frozen.put_back() == ["LLM_PROVIDERS"]
    assert repr(settings.LLM_PROVIDERS) == before
    assert frozen.put_back() == []


def test_a_change_of_a_list_is_found_and_undone():
    before = list(settings.REAPER_JOBS)
    settings.REAPER_JOBS.append("another.job")
    assert frozen.put_back() == ["REAPER_JOBS"]
    assert before == settings.REAPER_JOBS


def test_what_a_test_assigns_is_no_change(settings):
    settings.LLM_PROVIDERS = {}
    assert frozen.put_back() == []
