"""The process of the local chat model: `python -m config.embedded.model_server --port N`.

llama.cpp's own HTTP server (from the xllamacpp wheel), OpenAI-compatible, on loopback, with an API key from
the environment (MODEL_API_KEY). It serves until it is ended.
"""

import argparse
import os
import signal
from pathlib import Path

import xllamacpp

from config.embedded.ports import LOOPBACK

CONTEXT_TOKENS = 8192  # of one conversation (what the model was trained on); prompt and answer share it
PARALLEL = 2  # answers written at the same time


def threads() -> int:
    """How many to compute with: one core stays with web, worker and database.

    llama.cpp's threads wait for each other, so with one core too many taken it falls to a third of its speed.
    """
    return min(4, max(1, (os.cpu_count() or 2) - 1))


def parameters(weights: Path, alias: str, port: int, api_key: str) -> xllamacpp.CommonParams:
    """What a 135 M model needs to stay readable: short answers and a penalty on repeating itself."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights)
    wanted.model_alias = {alias}
    wanted.hostnames = [LOOPBACK]
    wanted.port = port
    wanted.api_keys = [api_key]
    wanted.ui = False
    wanted.n_parallel = PARALLEL
    wanted.n_ctx = CONTEXT_TOKENS * PARALLEL
    wanted.n_predict = 160
    wanted.n_gpu_layers = 0
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = threads()
    wanted.n_threads_http = 64  # a waiting request holds one; the health check must find another
    wanted.sampling.temp = 0.4
    wanted.sampling.penalty_repeat = 1.1
    wanted.sampling.penalty_last_n = 256
    return wanted


def main() -> None:
    """Load the weights, listen, and wait for a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--alias", required=True, help="the model's name in requests")
    chosen = parser.parse_args()
    server = xllamacpp.Server(parameters(chosen.weights, chosen.alias, chosen.port, os.environ["MODEL_API_KEY"]))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nothing to save
    print(f"listening on {server.listening_address}", flush=True)  # noqa: T201  goes to the log of this child
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
