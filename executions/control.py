"""What ends a run's thread without being an error: control flow, so not `Exception`.

A node's code, a tool or LangGraph may catch exceptions; none of them may catch these. What happened is written to the
row by the runtime, which is the only place that handles them.
"""

from typing import Any


class Control(BaseException):
    """Base of the runtime's control flow."""


class Cancelled(Control):
    """Somebody asked for this run to stop."""


class Fenced(Control):
    """The run is no longer ours: its lease ended or another worker claimed it. Stop, and write nothing."""


class Released(Control):
    """This worker is shutting down: give the run back with its journal."""


class BudgetRefused(Control):
    """The next call does not fit a budget and is not made. `error` says which limit, what is used and needed."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


class ApprovalNeeded(Control):
    """A person must approve a tool call first. What is asked is with the journal, and stored when the run parks."""


class EffectUnknown(Control):
    """A tool call may or may not have happened; its step says so, and a person must say which."""


class NonDeterminism(Exception):
    """A recorded step was asked for with another request: the same version must not lead to another prompt."""
