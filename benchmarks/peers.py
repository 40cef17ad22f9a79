"""What people would use instead, on the same machine in the same run: bare LangGraph with ChatOpenAI.

    python -m benchmarks.peers nothing-stored MODEL_URL 200
    python -m benchmarks.peers postgres-saver MODEL_URL 200 DATABASE_URL POSTGRES_PID

Prints one line of JSON: seconds, and CPU milliseconds a run. Four agents in a line, one call each.
"""

import json
import operator
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

from benchmarks.processes import Clock

THREADS = 32


class State(TypedDict):
    """The conversation so far."""

    messages: Annotated[list[tuple[str, str]], operator.add]


def graph(model_url: str, saver: Any = None) -> Any:
    """Four nodes in a line, each one call."""
    model = ChatOpenAI(model="fake", base_url=model_url, api_key="none", max_retries=0)  # type: ignore[arg-type]

    def speak(state: State) -> State:
        answer = model.invoke([("system", "Answer in about sixty words. " * 20), *state["messages"]])
        return {"messages": [("ai", str(answer.content))]}

    builder = StateGraph(State)
    for name in "abcd":
        builder.add_node(name, speak)
    for before, after in ((START, "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", END)):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def ask(compiled: Any, number: int) -> None:
    """One run."""
    config = {"configurable": {"thread_id": f"{time.time_ns()}-{number}"}}
    compiled.invoke({"messages": [("user", "Name three uses of a brick.")]}, config)


def measure(compiled: Any, runs: int, **more: int) -> dict[str, Any]:
    """Run so many conversations in 32 threads; `more`: other processes that are counted."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: ask(compiled, number), range(40)))  # imports, connections
        with Clock(worker=os.getpid(), **more) as clock:
            list(pool.map(lambda number: ask(compiled, number), range(runs)))
    return {"seconds": clock.seconds, "cpu": {name: used / runs for name, used in clock.cpu.items()}}


def main(kind: str, model_url: str, runs: int, database_url: str = "", postgres: str = "0") -> dict[str, Any]:
    """Measure one variant."""
    if kind == "nothing-stored":
        return measure(graph(model_url), runs)
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    with ConnectionPool(database_url, max_size=16, kwargs=options) as pool:
        saver = PostgresSaver(pool)  # type: ignore[arg-type]
        saver.setup()
        return measure(graph(model_url, saver), runs, postgres=int(postgres))


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(main(given[0], given[1], int(given[2]), *given[3:])))  # noqa: T201
