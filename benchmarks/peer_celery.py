"""What people build themselves: a Celery task that runs LangGraph with ChatOpenAI and stores nothing.

celery -A benchmarks.peer_celery worker --pool threads --concurrency 32
"""

import os
from functools import lru_cache
from typing import Any

from celery import Celery

QUEUE = "benchmark-peer"

app = Celery("peer", broker=os.environ.get("PEER_BROKER"))
app.conf.update(task_default_queue=QUEUE, task_ignore_result=True, worker_prefetch_multiplier=1)


@lru_cache(maxsize=1)
def compiled() -> Any:
    """The graph of this worker process."""
    from benchmarks.peers import graph

    return graph(os.environ["PEER_MODEL"])


@app.task(name="carry")  # type: ignore[untyped-decorator]
def carry(number: int) -> None:
    """One run."""
    from benchmarks.peers import ask

    ask(compiled(), number)
