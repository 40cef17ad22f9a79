"""A chat model that costs nothing: OpenAI-compatible, thousands of delayed calls at once on one core.

    python -m benchmarks.fake_llm --port 0        prints its base URL

A bare asyncio protocol: any HTTP framework would cost more than what is measured. The path sets the behaviour:
`http://127.0.0.1:PORT/ms=500,words=60/v1`. Streamed words are the monotonic time of their sending, in ns, so
that a reader on this machine can tell how long each was on its way. With `tool=Chunk_Text` it calls that tool before it
answers, where the request offers it.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass
from typing import Any, cast

import httptools
import orjson
import uvloop

STATS = {"calls": 0}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


TEXT = "A brick holds a door open. It carries a shelf. It keeps the bed warm. " * 10
"""What a tool is given for each argument that it needs."""


@dataclass(frozen=True)
class Options:
    """How to answer. `tool`: what to call before that."""

    ms: float = 0.0
    words: int = 60
    tool: str = ""


def options(path: str) -> Options:
    """Read `k=v,k=v` out of a path."""
    pairs = dict(pair.split("=", 1) for part in path.split("/") if "=" in part for pair in part.split(","))
    default = Options()
    return Options(
        float(pairs.get("ms", default.ms)), int(pairs.get("words", default.words)), pairs.get("tool", default.tool)
    )


class Protocol(asyncio.Protocol):
    """One keep-alive connection; requests on it come one after the other."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.parser = httptools.HttpRequestParser(self)
        self.path, self.body = b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path = self.path.decode()
        if path.endswith("/_stats"):
            return self.answer(STATS)
        STATS["calls"] += 1
        chosen, asked = options(path), orjson.loads(self.body)
        call = tool_call(asked, chosen.tool)
        if asked.get("stream"):
            return self.stream_call(asked, chosen, call) if call else self.stream(asked, chosen)
        text = " ".join(["word"] * chosen.words)
        said = {"content": None, "tool_calls": [call]} if call else {"content": text}
        reason = "tool_calls" if call else "stop"
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": reason}
        whole = {"choices": [choice], "usage": usage(self.body, chosen), **head(asked, "chat.completion")}
        self.loop.call_later(chosen.ms / 1000, self.answer, whole)
        return None

    def answer(self, value: dict[str, Any]) -> None:
        body = orjson.dumps(value)
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    def stream(self, asked: dict[str, Any], chosen: Options) -> None:
        self.write(STREAM_HEAD)
        words, began = chosen.words, self.loop.time()
        gap = chosen.ms / 1000 / words
        about = head(asked, "chat.completion.chunk")

        def send(number: int) -> None:
            if number == words:
                self.end(about, "stop", chosen)
                return
            delta = {"content": f"{time.monotonic_ns()} "}
            self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}], **about})
            if gap:
                self.loop.call_at(began + gap * (number + 1), send, number + 1)
            else:
                send(number + 1)

        send(0)

    def stream_call(self, asked: dict[str, Any], chosen: Options, call: dict[str, Any]) -> None:
        self.write(STREAM_HEAD)
        about = head(asked, "chat.completion.chunk")

        def send() -> None:
            delta = {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}
            self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}], **about})
            self.end(about, "tool_calls", chosen)

        self.loop.call_later(chosen.ms / 1000, send)

    def end(self, about: dict[str, Any], reason: str, chosen: Options) -> None:
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **about})
        self.event({"choices": [], "usage": usage(self.body, chosen), **about})
        self.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def event(self, value: dict[str, Any]) -> None:
        line = b"data: " + orjson.dumps(value) + b"\n\n"
        self.write(b"%x\r\n%s\r\n" % (len(line), line))

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)


def tool_call(asked: dict[str, Any], tool: str) -> dict[str, Any] | None:
    """The call of the tool, when it is offered and has not just been called."""
    offered = {each["function"]["name"]: each["function"]["parameters"] for each in asked.get("tools", [])}
    if tool not in offered or asked["messages"][-1]["role"] == "tool":
        return None
    arguments = orjson.dumps(dict.fromkeys(offered[tool]["required"], TEXT)).decode()
    number = STATS["calls"]
    return {"id": f"call_{number}", "type": "function", "function": {"name": tool, "arguments": arguments}}


def head(asked: dict[str, Any], kind: str) -> dict[str, Any]:
    """The fields every answer begins with."""
    return {"id": f"chatcmpl-{STATS['calls']}", "object": kind, "created": 0, "model": asked.get("model", "fake")}


def usage(body: bytes, chosen: Options) -> dict[str, int]:
    """Token counts that are right in size."""
    asked, said = len(body) // 4, chosen.words
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


async def serve(port: int) -> None:
    """Serve on loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0)
    uvloop.run(serve(arguments.parse_args().port))
