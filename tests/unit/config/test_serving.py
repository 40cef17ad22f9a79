"""Which requests go to the event loop and which to a thread, and what becomes of one in a thread."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import include, path

from config.serving import ThreadHandler, by_view

RUN = "0d9f4a63-55f0-4b5c-9a53-7d6a8f7f4d10"


def sync_view(request: HttpRequest, **_: Any) -> HttpResponse:
    answer = HttpResponse(f"{request.method} {request.body.decode()} in {threading.current_thread().name}")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


async def async_view(_request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("loop")


def file_view(_request: HttpRequest) -> FileResponse:
    return FileResponse(iter([b"one ", b"two"]), content_type="text/plain")


def broken_view(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a view with a fault")


urlpatterns = [
    path("sync", sync_view),
    path("file", file_view),
    path("broken", broken_view),
    path("deep/", include([path("<int:number>/", include([path("live", async_view), path("still", sync_view)]))])),
]
handler500 = "teams.problems.server_error"


@pytest.mark.parametrize(
    ("method", "asked", "way"),
    [
        ("GET", f"/api/v1/executions/{RUN}/events", "loop"),
        ("GET", f"/api/v1/executions/{RUN}/events/", "thread"),
        ("GET", f"/api/v1/executions/{RUN}/steps", "thread"),
        ("POST", "/api/v1/executions", "thread"),
        ("GET", "/admin/", "thread"),
        ("GET", "/static/admin/css/base.css", "thread"),
        ("GET", "/nowhere", "thread"),
        ("GET", "", "thread"),
        ("POST", "/execute", "waiting"),
        ("POST", "/api/v1/teams", "waiting"),
        ("GET", "/api/v1/teams", "thread"),
        ("PUT", f"/api/v1/teams/{RUN}", "waiting"),
        ("GET", "/health/live", "thread"),
    ],
)
def test_the_products_own_addresses(method: str, asked: str, way: str) -> None:
    assert taken({"type": "http", "method": method, "path": asked}) == way


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("asked", "root_path", "way"),
    [
        ("/deep/7/live", "", "loop"),
        ("/deep/7/still", "", "thread"),
        ("/deep/seven/live", "", "thread"),
        ("/sync", "", "thread"),
        ("/under/deep/7/live", "/under", "loop"),
    ],
)
def test_an_async_view_is_found_wherever_it_is(asked: str, root_path: str, way: str) -> None:
    assert taken({"type": "http", "method": "GET", "path": asked, "root_path": root_path}) == way


@pytest.mark.urls(__name__)
def test_what_is_no_request_is_for_the_loop() -> None:
    assert taken({"type": "lifespan"}) == "loop"


def taken(scope: dict[str, Any]) -> str:
    ways: list[str] = []

    def way_named(name: str) -> Any:
        async def application(*_: Any) -> None:
            ways.append(name)

        return application

    application = by_view(way_named("loop"), way_named("thread"), way_named("waiting"))
    asyncio.run(application(scope, None, None))  # type: ignore[arg-type]
    (way,) = ways
    return way


async def asked(where: str, *bodies: bytes, leaves: bool = False) -> SimpleNamespace | None:
    scope = {"type": "http", "method": "POST", "path": where, "headers": [(b"host", b"localhost")]}
    communicator = ApplicationCommunicator(ThreadHandler(threads=1), scope)
    for place, body in enumerate(bodies, start=1):
        more = leaves or place < len(bodies)
        await communicator.send_input({"type": "http.request", "body": body, "more_body": more})
    if leaves:
        await communicator.send_input({"type": "http.disconnect"})
        await communicator.wait()
        return None
    start, body = [await communicator.receive_output() for _ in range(2)]
    return SimpleNamespace(status=start["status"], headers=start["headers"], body=body["body"].decode())


@pytest.fixture
def bare(settings: Any) -> None:
    settings.MIDDLEWARE = []
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("bare")
def test_a_body_in_pieces_and_each_cookie() -> None:
    answer = asyncio.run(asked("/sync", b"to", b"gether"))
    assert answer is not None
    assert answer.body == "POST together in web_0"
    cookies = [value.split(b";")[0] for name, value in answer.headers if name == b"Set-Cookie"]
    assert cookies == [b"a=1", b"b=2"]


@pytest.mark.usefixtures("bare")
def test_a_file_is_sent_whole() -> None:
    answer = asyncio.run(asked("/file", b""))
    assert answer is not None
    assert answer.body == "one two"


@pytest.mark.usefixtures("bare")
def test_a_fault_in_a_view_is_a_problem() -> None:
    answer = asyncio.run(asked("/broken", b""))
    assert answer is not None
    assert answer.status == 500
    assert (b"Content-Type", b"application/problem+json") in answer.headers


@pytest.mark.usefixtures("bare")
def test_a_client_that_leaves_while_it_sends() -> None:
    assert asyncio.run(asked("/sync", b"half", leaves=True)) is None
