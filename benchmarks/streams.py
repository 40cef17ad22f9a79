"""How long a model's word is on its way to somebody who watches: from its sending by the model to its arrival.

The fake model's words are the times of their sending. What arrives is kept as it is and read after the last stream has
ended, so that reading costs no stream its time.
"""

import asyncio
import re
from bisect import bisect_left
from itertools import accumulate
from typing import Any

import uvloop

from benchmarks.processes import p50_p95
from benchmarks.product import Product
from benchmarks.wire import Connection

PATH = "/ms=1300,words=60/v1"
"""An answer of 60 words takes 1.3 s: 46 words a second and stream, as fast hosted models speak."""

TOKENS = re.compile(rb'event: token\ndata: \{[^\n]*?"text":"([^"\n]*)"')
WORD = re.compile(rb"\d{9,}(?= )")


def measure(model: str, sizes: list[int]) -> dict[str, Any]:
    """Each number of streams on the same installation."""
    with Product(model + PATH, slots=128) as product:
        watch(product, 2)
        return {str(streams): watched(product, streams) for streams in sizes}


def watched(product: Product, streams: int) -> dict[str, Any]:
    """What so many streams at once cost, and how late their words are."""
    with product.clock() as clock:
        read = watch(product, streams)
    words = sorted(word for stream in read for word in stream.words())
    all_open = max(stream.arrived[0] for stream in read)
    return {
        "per_second": len(words) / ((words[-1][0] - words[0][0]) / 1e9),
        "all": late(words),
        "once_all_are_open": late([word for word in words if word[0] > all_open]),
        "cpu": {name: used / len(words) for name, used in clock.cpu.items()},
    }


class Stream:
    """The pieces of one stream, each with its time of arrival in ns."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.arrived: list[int] = []

    def take(self, piece: bytes, arrived: int) -> None:
        """Keep a piece."""
        self.pieces.append(piece)
        self.arrived.append(arrived)

    def words(self) -> list[tuple[int, int]]:
        """Each word's sending and arrival, in ns."""
        ends, whole = list(accumulate(len(piece) for piece in self.pieces)), b"".join(self.pieces)
        return [
            (int(word[0]), self.arrived[bisect_left(ends, tokens.start(1) + word.end())])
            for tokens in TOKENS.finditer(whole)
            for word in WORD.finditer(tokens[1])
        ]


def watch(product: Product, streams: int) -> list[Stream]:
    """Start so many runs at once and watch each to its end."""

    body = {"team_id": product.team_id, "stream": True}

    async def one() -> Stream:
        stream = Stream()
        async with Connection(product.address, product.key) as connection:
            run = await connection.ask("POST", "/api/v1/executions", body)
            await connection.ask("GET", f"/api/v1/executions/{run['id']}/events", listener=stream.take)
        return stream

    async def together() -> list[Stream]:
        return list(await asyncio.gather(*(one() for _ in range(streams))))

    return uvloop.run(together())


def late(words: list[tuple[int, int]]) -> dict[str, Any]:
    """How late words of these times of sending and arrival were, in ms."""
    delays = [(arrived - sent) / 1e6 for sent, arrived in words]
    return {**p50_p95(delays), "max": max(delays)}
