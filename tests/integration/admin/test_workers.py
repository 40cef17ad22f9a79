"""The page of workers: for superusers, with the queue of all tenants in one line."""

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone

from executions.models import Worker

WORKERS = "/admin/executions/worker/"


def test_dead_workers_are_marked_and_the_queue_is_told(root: Any, acme: Any, signed_in: Any) -> None:
    Worker.objects.create(id="sound", host="h", pid=1, slots=8, running=3)
    Worker.objects.create(id="dead", host="h", pid=2, slots=8, beat_at=timezone.now() - timedelta(minutes=2))
    page = signed_in(root).get(WORKERS).content.decode()
    assert ">alive<" in page
    assert ">silent<" in page
    assert re.search(r">1[2-9]\d s ago<", page)
    assert "Queue of all tenants" in page
    assert re.search(r"<dt>Queued</dt><dd>0</dd>", page)


def test_members_do_not_see_it(bob: Any, signed_in: Any) -> None:
    assert signed_in(bob).get(WORKERS).status_code in (302, 403, 404)
