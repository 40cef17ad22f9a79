"""A run shown in a terminal: who speaks, the words as they come, what it cost, the answer.

On a terminal words appear as the model says them; anywhere else (a pipe, a log) each message is printed whole, once.
"""

from typing import Any
from urllib.parse import unquote

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from executions.follow import Event
from executions.models import Status, StepKind, StepState


class RunScreen:
    """Prints one run's events. `status`, `final_answer`, `error` and `totals` are what was told last."""

    def __init__(self, console: Console) -> None:
        self.status = ""
        self.final_answer: str | None = None
        self.error: dict[str, Any] | None = None
        self.totals: dict[str, Any] = {}
        self._console = console
        self._key = ""
        self._whole = True
        self._streamed = 0  # characters of this step's call shown so far

    def show(self, event: Event) -> None:
        """Print an event, if there is something in it for people."""
        match event.name:
            case "token":
                self._token(**event.data)
            case "step":
                self._step(event.data)
            case "status":
                self._status(event.data)

    # --- words as they come ---

    def _token(self, key: str, at: int, text: str) -> None:
        if not self._console.is_terminal:
            return
        if key != self._key or at < self._streamed:
            self._end_of_stream()
            self._heading(*_place(key))
            self._key, self._whole = key, True
        if at > self._streamed:
            self._write(" [...] ")  # messages were lost, or we came late
            self._whole = False
        self._streamed = at + len(text)
        self._write(text)

    def _end_of_stream(self) -> None:
        if self._key:
            self._console.print()
        self._key, self._streamed = "", 0

    # --- what is recorded ---

    def _step(self, step: dict[str, Any]) -> None:
        shown: dict[str, Any] = step["display"] or {}
        if step["state"] == StepState.FAILED:
            self._end_of_stream()
            self._line(f"{step['role']} got no answer: {shown.get('error', 'no reason was recorded')}", "red")
        elif step["kind"] == StepKind.NOTE:
            self._line(f"note: {shown.get('note', '')}", "dim")
        elif step["kind"] == StepKind.LLM:
            self._spoken(step, shown.get("message", ""))

    def _spoken(self, step: dict[str, Any], message: str) -> None:
        is_shown = step["key"] == self._key and self._whole and self._streamed >= len(message)
        self._end_of_stream()
        if not is_shown:
            self._heading(step["round"], step["role"])
            self._line(message)
        self._line(_used(step), "dim")

    # --- how it stands ---

    def _status(self, run: dict[str, Any]) -> None:
        self.status, self.error, self.totals = run["status"], run["error"], run["totals"]
        self.final_answer = run["final_answer"]
        match self.status:
            case Status.RETRY_WAIT:
                self._line(f"waiting to try again at {run['not_before']:%H:%M:%S} UTC: {_why(run)}", "yellow")
            case Status.WAITING:
                self._line("waiting for a person", "yellow")
            case Status.QUEUED if run["started_at"]:
                self._line("queued again", "yellow")

    def result(self) -> None:
        """Print how it ended."""
        self._end_of_stream()
        if self.status == Status.SUCCEEDED:
            self._answer(self.final_answer or "")
        self._line(f"{self.status}: {_used(self.totals)}", "green" if self.status == Status.SUCCEEDED else "red")

    # --- printing ---

    def _heading(self, round_number: int, role: str) -> None:
        title = Text(f"round {round_number} · {visible(role)}", "bold")
        self._console.print(Rule(title, align="left") if self._console.is_terminal else title)

    def _answer(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(Panel(Text(visible(text)), title="final answer"))
        else:
            self._line(f"final answer: {text}")

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(visible(text), style), soft_wrap=True)

    def _write(self, text: str) -> None:
        self._console.print(Text(visible(text)), end="", soft_wrap=True)


def visible(text: str) -> str:
    """The text without control characters: what a model says must not move the cursor or change the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _place(key: str) -> tuple[int, str]:
    """Round and role of a step's key, `r1/Critic#2/llm0`."""
    round_name, _slash, rest = key.partition("/")
    number = round_name.removeprefix("r")
    return int(number) if number.isdecimal() else 0, unquote(rest.partition("/")[0].partition("#")[0])


def _used(what: dict[str, Any]) -> str:
    if what["tokens_in"] is None or what["tokens_out"] is None:
        tokens = "tokens unknown"
    else:
        tokens = f"{what['tokens_in']} + {what['tokens_out']} tokens"
    cost = "price unknown" if what["cost"] is None else f"${what['cost'].rstrip('0').rstrip('.')}"
    return f"{tokens}, {cost}, {(what['ms'] or 0) / 1000:.1f} s"


def _why(run: dict[str, Any]) -> str:
    return str((run["error"] or {}).get("message", "no reason was recorded"))
