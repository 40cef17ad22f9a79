"""One port, two ways: async views run on the event loop, all others in a thread, with one change of thread each way.

Django's own ASGI handler takes a sync view through several threads and tasks, which costs more than most views do.
Here the loop reads the body, a thread does the rest with Django's sync middleware, and the loop sends the answer. Which
way a request goes is read off the URLconf, so a new async view needs no entry anywhere.
See docs/decisions/0005-one-port-two-ways.md.
"""

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core import signals
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import FileResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver, set_script_prefix

from teams.middleware import ASGIApp, Message, Receive, Scope, Send

Chain = tuple[Any, ...]
"""The patterns that lead to a view, from the root down; each takes its part of a path and hands on the rest."""


def by_view(on_loop: ASGIApp, in_thread: ASGIApp, waiting: ASGIApp) -> ASGIApp:
    """An application that sends requests for async views one way, those that may wait long for others (a model, the
    end of a run) another way, and all the rest the third way: so that no crowd of waiting callers keeps anybody out."""
    root = get_resolver()
    found = [*views(root.url_patterns, (root.pattern,))]
    live = tuple(chain for chain, view in found if iscoroutinefunction(view))
    long = tuple((chain, methods) for chain, view in found if (methods := _waits_at(view)))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or leads_to_any(live, path := _path(scope)):
            await on_loop(scope, receive, send)
        elif leads_to_any((chain for chain, methods in long if scope["method"] in methods), path):
            await waiting(scope, receive, send)
        else:
            await in_thread(scope, receive, send)

    return application


def _waits_at(view: Any) -> frozenset[str]:
    methods: frozenset[str] = getattr(getattr(view, "cls", view), "may_wait", frozenset())
    return methods


def views(entries: Iterable[URLPattern | URLResolver], above: Chain = ()) -> Iterator[tuple[Chain, Any]]:
    """The way to each view of a URLconf, and the view."""
    for entry in entries:
        chain = (*above, entry.pattern)
        if isinstance(entry, URLResolver):
            yield from views(entry.url_patterns, chain)
        else:
            yield chain, entry.callback


def leads_to_any(chains: Iterable[Chain], path: str) -> bool:
    """Whether one of the chains takes the whole path."""
    return any(_takes(chain, path) for chain in chains)


def _takes(chain: Chain, path: str) -> bool:
    for pattern in chain:
        found = pattern.match(path)
        if found is None:
            return False
        path = found[0]
    return True


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(get_script_prefix(scope))


class ThreadHandler(ASGIHandler):
    """Django's handler with its sync middleware, a whole request in one thread of a pool.

    An answer is made whole in the thread, a slow reader therefore keeps none. What is to be streamed is an async view.
    """

    def __init__(self, threads: int) -> None:
        BaseHandler.__init__(self)  # ASGIHandler's own would load the async middleware
        self.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        if body is None:
            return
        loop = asyncio.get_running_loop()
        for message in await loop.run_in_executor(self._pool, self._answered, scope, body):
            await send(message)

    def _answered(self, scope: Scope, body: bytes) -> list[Message]:
        """The request's answer. Signals are sent here too: what they close belongs to this thread."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, BytesIO(body))
        response: Any = refused if request is None else self.get_response(request)
        response._handler_class = self.__class__
        try:
            return [*_messages(response)]
        finally:
            response.close()


async def _whole(receive: Receive) -> bytes | None:
    """The request's body; None when the client left. `teams.middleware.measured` keeps it from growing too large."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _messages(response: HttpResponseBase) -> Iterator[Message]:
    headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    yield {"type": "http.response.start", "status": response.status_code, "headers": headers}
    if isinstance(response, FileResponse):
        response.block_size = ASGIHandler.chunk_size
    yield {"type": "http.response.body", "body": b"".join(response)}
