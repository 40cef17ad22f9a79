"""The main job, step by step, through the public HTTP API: `python -m config.embedded.demo`.

DEMO_URL and DEMO_API_KEY say where and as whom; DEMO_NEIGHBOUR_KEY is the key of another tenant. DEMO_HAS_MODEL is
empty when there is no model to ask. Ends with 0 when every step gave what it should.
"""

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from rich.console import Console

from config.embedded.client import Client, Unexpected
from config.embedded.local_model import HOW_TO_REPLACE

GOAL = "What should a small bakery do to win back customers who stopped coming?"


def _agent(role: str, prompt: str) -> dict[str, Any]:
    return {
        "agent_role": role,
        "agent_name": role,
        "agent_personality": "Clear and brief.",
        "agent_goal_based_prompt": prompt,
        # A model this small stays with the matter when it is kept cool and short.
        "LLM_configuration": {"temperature": 0.2, "max_tokens": 90},
    }


TEAM: dict[str, Any] = {
    "agent_team_main_goal": GOAL,
    "agent_team_flow": "Researcher -> Marketer -> DecisionMaker",
    "max_turns": 1,
    "agents": [
        _agent("Researcher", "Write about why customers stop coming to a shop."),
        _agent("Marketer", "Write about an offer that brings customers back."),
        _agent("DecisionMaker", "Write a short plan for the bakery, using the ideas above."),
    ],
}


class Tour:
    """The steps in order; each prints what it asks for and what came back."""

    def __init__(self, client: Client, out: Console) -> None:
        self._client = client
        self._out = out
        self._steps = 0
        self.team_id = ""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Number and name a step."""
        self._steps += 1
        self._out.print(f"\n[bold cyan]{self._steps}[/]  [bold]{title}[/]")
        yield

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Make a request, and show which."""
        self._out.print(f"   {method} {path}", style="dim", markup=False)
        return self._client.call(method, path, body, **more)

    def tell(self, text: str, style: str = "") -> None:
        """Print a result."""
        self._out.print(f"   {text}", style=style, markup=False)

    def save(self) -> None:
        """A team is saved as version 1."""
        with self.step("Save a team of three agents"):
            saved = self.call("POST", "/teams", TEAM, expect=201)
            self.team_id = saved["team_id"]
            self.tell(f"team {self.team_id}, version {saved['version']}: {TEAM['agent_team_flow']}")
            require(saved["version"] == 1, "a new team begins with version 1")

    def run(self) -> None:
        """A worker lets the team talk, and its words are shown as they come."""
        with self.step("Run it, and watch it talk"):
            self.tell(f"goal: {GOAL}")
            key = {"Idempotency-Key": str(uuid.uuid4())}
            body = {"team_id": self.team_id, "stream": True}
            run = self.call("POST", "/api/v1/executions", body, headers=key, expect=202)
            path = f"/api/v1/executions/{run['id']}"
            self.tell(f"GET {path}/events", "dim")
            Conversation(self._out).show(self._client, f"{path}/events")
            done = self.call("GET", path)
            require(done["status"] == "succeeded", f"the run ended as {done['status']}: {done.get('error')}")
            require(bool(done["final_answer"]), "a run that succeeded has an answer")
            totals = done["totals"]
            self._out.print("\n   [bold green]final answer[/]")
            self.tell(str(done["final_answer"]).strip())
            self.tell(f"({totals['tokens_in']} tokens read, {totals['tokens_out']} written)", "dim")

    def change(self) -> None:
        """Another config becomes version 2, and the two are compared."""
        with self.step("Change the team: a version of its own, and what is different"):
            current = self.call("GET", f"/api/v1/teams/{self.team_id}")
            config = {**current["config"], "max_turns": 2}
            config["agents"] = [dict(agent) for agent in config["agents"]]
            config["agents"][1]["agent_personality"] = "Bold, and fond of numbers."
            body = {"config": config, "reason": "a bolder marketer and a second round"}
            changed = self.call("PUT", f"/api/v1/teams/{self.team_id}", body, headers={"If-Match": "1"})
            require(changed["version"] == 2, "a changed config is version 2")
            compared = self.call("GET", f"/api/v1/teams/{self.team_id}/versions/compare?a=1&b=2")
            for change in compared["changes"]:
                self.tell(f"- {change['sentence']}")
            require(len(compared["changes"]) == 2, "the comparison names the two changes")

    def roll_back(self) -> None:
        """Version 1 again, as version 3: nothing is lost."""
        with self.step("Roll back: version 1 again, as version 3"):
            body = {"target_version": 1, "reason": "the first marketer was better"}
            back = self.call("POST", f"/api/v1/teams/{self.team_id}/rollback", body)
            require(back["version"] == 3, "a rollback makes a new version")
            versions = self.call("GET", f"/api/v1/teams/{self.team_id}/versions")["results"]
            for version in sorted(versions, key=lambda row: row["version"]):
                self.tell(f"version {version['version']} by {version['actor']}: {version['reason'] or 'created'}")

    def delete_and_restore(self) -> None:
        """A deleted team is gone for everybody, and can be had back."""
        with self.step("Delete it, and have it back"):
            self.call("DELETE", f"/api/v1/teams/{self.team_id}")
            self.call("GET", f"/api/v1/teams/{self.team_id}", expect=404)
            self.tell("404: it is gone")
            restored = self.call("POST", f"/api/v1/teams/{self.team_id}/restore")
            require(restored["version"] == 3, "a restored team has the version it had")
            self.tell("restored, with its versions")

    def meet_the_neighbour(self, neighbour: Client) -> None:
        """Another tenant sees nothing of it."""
        with self.step("Ask as another tenant"):
            self.tell(f"GET /api/v1/teams/{self.team_id}", "dim")
            neighbour.call("GET", f"/api/v1/teams/{self.team_id}", expect=404)
            seen = neighbour.call("GET", "/api/v1/teams")["results"]
            require(all(team["id"] != self.team_id for team in seen), "a list shows the own tenant's teams only")
            self.tell("404, as for an id that does not exist, and its list of teams does not have it")


class Conversation:
    """Prints a run as it happens: who speaks, and the words as they come."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._speaking = ""  # key of the model call whose words stand on the screen

    def show(self, client: Client, path: str) -> None:
        """Follow the run to its end."""
        shown: dict[str, Callable[[dict[str, Any]], None]] = {"token": self._token, "step": self._step}
        for event in client.events(path):
            if event.name in shown:
                shown[event.name](event.data)
            if event.name == "end":
                break
        self._out.print()

    def _token(self, data: dict[str, Any]) -> None:
        if data["key"] != self._speaking or data["at"] == 0:  # 0: a call that broke off begins anew
            self._begin(data["key"])
        self._out.print(data["text"], end="", markup=False, highlight=False)

    def _begin(self, key: str) -> None:
        """A heading for the next speaker; the key of a call reads like r1/Marketer/llm0."""
        self._speaking = key
        self._out.print(f"\n   [bold magenta]{key.split('/')[1].split('#', 1)[0]}[/]")

    def _step(self, data: dict[str, Any]) -> None:
        """Show what was said when its words did not come one by one."""
        display = data.get("display") or {}
        if data["kind"] != "llm" or data["state"] != "done" or data["key"] == self._speaking:
            return
        self._begin(data["key"])
        self._out.print(display.get("message", ""), markup=False, highlight=False)


def require(condition: bool, promise: str) -> None:
    """Raise Unexpected when a promise is not kept."""
    if not condition:
        raise Unexpected(promise)


def main() -> int:
    """Take the tour; returns 0 when every step gave what it should."""
    out = Console(highlight=False, soft_wrap=True)
    address, has_model = os.environ["DEMO_URL"], bool(os.environ["DEMO_HAS_MODEL"])
    tour = Tour(Client(address, os.environ["DEMO_API_KEY"]), out)
    try:
        tour.save()
        if has_model:
            tour.run()
        tour.change()
        tour.roll_back()
        tour.delete_and_restore()
        tour.meet_the_neighbour(Client(address, os.environ["DEMO_NEIGHBOUR_KEY"]))
    except (Unexpected, urllib3.exceptions.HTTPError, KeyError) as error:
        out.print(f"\nThe demo failed: {error!r}", style="bold red", markup=False)
        return 1
    if not has_model:
        out.print(f"\nNo team was run, since there is no model. {HOW_TO_REPLACE}", style="bold red", markup=False)
        return 1
    out.print("\n[bold green]All steps worked.[/]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
