"""The build cache is bounded, safe for threads, counts, and hands out nothing that one can change for another."""

import threading
from types import MappingProxyType

import pytest

from agents.build_cache import LARGEST_CONFIG, BuildCache, exact_hash, frozen, own_copy, read_only, thawed
from teams.spec import TeamSpec, dump

CONFIG = {
    "agent_team_main_goal": "x",
    "agents": [{"agent_role": "A", "metadata": {"list": [{"deep": 1}]}}],
    "metadata": {"note": ["mine"]},
}


def test_a_second_question_is_a_hit():
    cache, made = BuildCache(), []
    assert [cache.get("key", lambda: made.append(1) or len(made)) for _ in range(3)] == [1, 1, 1]
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.evictions, stats.entries) == (2, 1, 0, 1)


def test_the_one_not_asked_for_longest_is_dropped():
    cache = BuildCache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda: key)  # noqa: B023 - called at once
    assert cache.stats().evictions == 1
    made = []
    cache.get("a", lambda: made.append("a"))
    cache.get("b", lambda: made.append("b"))
    assert made == ["b"]


def test_what_fails_is_not_kept():
    cache = BuildCache()
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 // 0)
    assert cache.get("key", lambda: "made") == "made"


def test_threads_lose_nothing():
    cache = BuildCache(8)

    def work() -> None:
        for number in range(2_000):
            assert cache.get(number % 16, lambda number=number: number % 16) == number % 16

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = cache.stats()
    assert stats.hits + stats.misses == 8_000
    assert stats.entries == 8


def test_the_order_of_keys_does_not_matter_and_every_value_does():
    assert exact_hash({"a": 1, "b": [2]}) == exact_hash({"b": [2], "a": 1})
    several = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": None}, {}]
    assert len({exact_hash(one) for one in several}) == len(several)


@pytest.mark.parametrize("config", [{"a": float("nan")}, {"a": object()}, {"a": "\ud800"}, "x" * (LARGEST_CONFIG + 1)])
def test_what_is_no_json_or_too_large_has_no_key(config):
    assert exact_hash(config) is None


def test_a_kept_spec_is_the_same_spec_with_nothing_to_change_in_it():
    spec = TeamSpec.load(CONFIG)
    kept = frozen(spec)
    assert isinstance(kept.metadata, MappingProxyType)
    with pytest.raises(TypeError):
        kept.metadata["note"] = "theirs"
    with pytest.raises(TypeError):
        kept.agents[0].metadata["list"][0]["deep"] = 2
    assert dump(thawed(kept)) == dump(spec)


def test_each_user_has_data_of_its_own():
    kept = frozen(TeamSpec.load(CONFIG))
    mine, yours = thawed(kept), thawed(kept)
    mine.metadata["note"].append("changed")
    mine.agents[0].metadata["list"][0]["deep"] = 2
    assert (yours.metadata, yours.agents[0].metadata) == (CONFIG["metadata"], CONFIG["agents"][0]["metadata"])
    assert dump(thawed(kept)) == dump(yours)


def test_reading_back_gives_plain_json():
    value = {"a": [1, {"b": (2,)}], "c": None}
    assert own_copy(read_only(value)) == {"a": [1, {"b": [2]}], "c": None}
