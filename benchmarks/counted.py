"""The product's web server, telling with each answer how many questions it asked PostgreSQL and how long they took.

Served in the product's place by benchmarks.product.Product.same_server. Another address says which lists there are.
"""

import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils.decorators import sync_and_async_middleware

from benchmarks.lists import LISTS


class Count:
    """What is asked while a request is answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str]] = []

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.asked.append(((time.perf_counter() - began) * 1000, str(sql)))


@sync_and_async_middleware
def counting(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: headers with its CPU, the number of questions, their time, and the one that took longest."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> Any:
            return await get_response(request)

        return answer

    def counted(request: HttpRequest) -> Any:
        if request.path == LISTS:
            return JsonResponse({"lists": lists()})
        count, began = Count(), time.thread_time()
        with connection.execute_wrapper(count):
            response = get_response(request)
        longest = max(count.asked, default=(0.0, ""))
        response.headers["X-Cpu-Ms"] = f"{(time.thread_time() - began) * 1000:.1f}"
        response.headers["X-Queries"] = str(len(count.asked))
        response.headers["X-Sql-Ms"] = f"{sum(took for took, _ in count.asked):.1f}"
        response.headers["X-Longest"] = f"{longest[0]:.0f} ms: {' '.join(longest[1].split())}"[:6000]
        return response

    return counted


def lists() -> dict[str, str]:
    """The address of each list of the admin."""
    from django.contrib import admin
    from django.urls import reverse

    names = {model._meta.label: f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    return {label: reverse(f"admin:{name}_changelist") for label, name in names.items()}


settings.MIDDLEWARE = [f"{__name__}.counting", *settings.MIDDLEWARE]

from config.asgi import application  # noqa: E402, F401 - with the middleware above
