"""A client of the HTTP API, with nothing but Python's standard library.

    python client.py http://127.0.0.1:8000 $KEY "Name three uses of a brick."

Makes a team, runs it and prints what each agent says as soon as it is there, then the answer. It survives what happens
in practice: a lost connection (it comes back where it was), a server that restarts, and being told to slow down.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

PATIENCE = 60.0
"""Give up when the server has not been there for so many seconds."""

SILENCE = 40.0
"""The server sends something at least every 15 seconds; after so many without a byte the connection is dead."""

CONFIG = {
    "agent_team_main_goal": "Answer the question in two sentences.",
    "agent_team_flow": "Writer->Critic",
    "max_turns": 1,
    "agents": [
        {"agent_role": "Writer", "agent_goal_based_prompt": "Answer the question."},
        {"agent_role": "Critic", "agent_goal_based_prompt": "Say what is missing, then give the better answer."},
    ],
}


class Problem(Exception):
    """The server refused: an application/problem+json answer."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.status, self.errors = body["status"], body["errors"]
        places = "".join(f"\n  {error['loc'] or '(all of it)'}: {error['msg']}" for error in self.errors)
        super().__init__(f"{body['status']} {body['title']}: {body['detail']}{places}")


class Client:
    """The API under one address with one key."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base.rstrip("/"), key

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return the JSON of its answer. Raises `Problem`, or `OSError` when the server is away."""
        with self._open(method, path, body, headers) as answer:
            return json.load(answer)

    def follow(self, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of a run, each once and in order, until it ends, whatever happens to the connection."""
        last = "0"
        while True:
            headers = {"Last-Event-ID": last, "Accept": "text/event-stream"}
            with self._open("GET", f"/api/v1/executions/{run_id}/events", None, headers) as stream:
                try:
                    for event in _events(stream):
                        last = event.get("id", last)
                        yield event["event"], json.loads(event["data"])
                        if event["event"] == "end":
                            return
                except (OSError, HTTPException):
                    pass  # the connection is gone: come back, and say what was seen last
            time.sleep(1)

    def _open(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
        give_up = time.monotonic() + PATIENCE
        while True:
            request = urllib.request.Request(self.base + path, data, sent, method=method)
            try:
                return urllib.request.urlopen(request, timeout=SILENCE)
            except urllib.error.HTTPError as error:
                with error:
                    problem = Problem(json.load(error))
                wait = float(error.headers.get("Retry-After", 1))
                if problem.status not in {429, 503} or time.monotonic() + wait > give_up:
                    raise problem from None
            except OSError:
                # It may have arrived all the same, so only what does nothing twice is sent again.
                wait, safe = 1.0, method == "GET" or "Idempotency-Key" in headers
                if not safe or time.monotonic() + wait > give_up:
                    raise
            time.sleep(wait)


def _events(stream: Any) -> Iterator[dict[str, str]]:
    """Server-Sent Events: fields in lines, an empty line ends each event, lines that begin with a colon say nothing."""
    event: dict[str, str] = {}
    for raw in stream:
        line = raw.decode().rstrip("\r\n")
        if line:
            name, _colon, value = line.partition(":")
            if name:
                event[name] = value.removeprefix(" ")
        elif event:
            if "data" in event:
                yield {"event": "message", **event}
            event = {}


def main(base: str, key: str, question: str) -> int:
    """Make a team, run it once, show it. Returns the exit status."""
    client = Client(base, key)
    try:
        team = client.request("POST", "/api/v1/teams", {"name": "Example", "config": CONFIG})
        # Your own name for this run. Sent again, it answers with the same run: nothing is started or paid for twice.
        order = str(uuid.uuid4())
        run = client.request(
            "POST", "/api/v1/executions", {"team_id": team["id"], "input": question}, **{"Idempotency-Key": order}
        )
        for event, data in client.follow(run["id"]):
            if event == "step" and data["state"] == "done":
                print(f"{data['role']}: {data['display']['message']}", flush=True)
        run = client.request("GET", f"/api/v1/executions/{run['id']}")
    except (Problem, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{run['status']}: {run['final_answer'] or run['error']}")
    return 0 if run["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
