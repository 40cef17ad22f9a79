"""The local embedding model, for real: near meanings lie near each other."""

import math
import threading
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import pytest

from agents import local_embeddings
from agents.embeddings import similarity
from agents.llm_errors import BadRequest
from agents.local_embeddings import embed


def test_near_meanings_lie_near_each_other() -> None:
    cat, kitten, tax = (one.vector for one in embed(["a cat sleeps", "a kitten naps", "the income tax law of 1998"]))

    assert similarity(cat, kitten) > similarity(cat, tax) + 0.3
    assert (len(cat), round(math.hypot(*cat), 4)) == (384, 1.0)


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    alone = embed(["a cat sleeps"])[0]
    together = embed(["a very long text about many other things " * 20, "a cat sleeps"])[1]

    assert alone == together


def test_threads_get_the_same() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(embed(["the same"]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert all(one == found[0] for one in found)


def test_a_long_text_is_cut_and_said_to_be() -> None:
    short, long = embed(["word", "word " * 1_000])

    assert (short.cut, long.cut) == (False, True)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name == "onnxruntime" else find_spec(name)

    monkeypatch.setattr(local_embeddings, "find_spec", without)

    with pytest.raises(BadRequest, match=r"\[embeddings\] \(onnxruntime") as raised:
        embed(["text"])
    assert raised.value.code == "not_configured"
