"""Claim a run, let its team talk, write how it ended. The only place where an exception becomes a status."""

import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from agents import tools
from agents.http_limits import looking
from agents.llm import BreakerOpen, ChatAnswer, ChatRequest, LLMError, chat_model, cost, providers
from agents.tools.switches import switch_of
from executions import engine, stream, telemetry
from executions.budgets import Purse
from executions.control import ApprovalNeeded, BudgetRefused, Cancelled, EffectUnknown, Fenced, NonDeterminism, Released
from executions.graph import NodeCall, RunSpec, Spoken, run_team
from executions.journal import Journal, Outcome, StepPlace, while_held
from executions.prompts import answer_tokens
from executions.retries import described, failed, is_last, outcome_after
from executions.runspec import AgentRun, Message
from executions.shown import cleaned
from executions.storable import storable
from executions.tool_steps import ToolStep, idempotency_key
from executions.turns import Said, ToolCall, take_turn
from executions.worker import Hold, Worker

logger = logging.getLogger(__name__)

Taken = tuple[Hold, engine.Claimed]
"""A run that was claimed and is held, not yet carried."""


def take(worker: Worker, most: int) -> list[Taken]:
    """Claim up to so many runs, the fairest first, and hold them."""
    if worker.draining:
        return []
    asked_at = time.monotonic()
    return [(worker.take(claimed, asked_at), claimed) for claimed in engine.claim(worker.id, most)]


def carry(worker: Worker, taken: Taken) -> None:
    """Carry a run as far as it goes."""
    hold, claimed = taken
    facts = telemetry.RunFacts(hold.execution_id, hold.tenant_id, hold.fence, claimed.attempt)
    try:
        with telemetry.run(facts) as watch:
            _Run(worker, hold, claimed, watch).carry()
    finally:
        worker.drop(hold)


def run_next(worker: Worker) -> bool:
    """Claim the fairest run and carry it in this thread. False: there was none."""
    for taken in take(worker, 1):
        carry(worker, taken)
        return True
    return False


@dataclass
class _Run:
    worker: Worker
    hold: Hold
    claimed: engine.Claimed
    watch: telemetry.RunWatch
    purse: Purse | None = None
    claimed_at: float = field(default_factory=time.monotonic)

    def carry(self) -> None:
        """Run the team and write the outcome; a run that is no longer ours is left alone."""
        self.hold.watched = stream.publish_news(self.hold.tenant_id, self.hold.execution_id)  # it is running now
        try:
            outcome = self._outcome()
            event = while_held(self.hold, lambda: self._finish(outcome))
        except Fenced:
            logger.warning("run %s: no longer ours, stopped without writing", self.hold.execution_id)
            return
        if event is None:
            logger.warning("run %s: its outcome %s was refused", self.hold.execution_id, outcome["status"])
            return
        self.watch.ended(outcome["status"], (outcome.get("error") or {}).get("code", ""))
        stream.publish_news(self.hold.tenant_id, self.hold.execution_id, event)
        _log(self.hold, outcome)

    def _finish(self, outcome: dict[str, Any]) -> int | None:
        return engine.finish(self.hold.tenant_id, self.hold.execution_id, self.hold.fence, cleaned(outcome))

    def _outcome(self) -> dict[str, Any]:
        journal = Journal(self.worker, self.hold, self.claimed.journal)
        try:
            self.purse = journal.purse = Purse.of(self.claimed, lambda ask: while_held(self.hold, ask))
            return self._talk(journal)
        except BudgetRefused as refused:
            return {"status": "budget_exceeded", "error": refused.error}
        except Cancelled:
            return {"status": "cancelled"}
        except Released:
            return {"status": "queued"}
        except (ApprovalNeeded, EffectUnknown):
            return {"status": "waiting", "asks": journal.asks}
        except LLMError as error:
            return self._after(error)
        except NonDeterminism as error:
            return failed("non_deterministic", str(error))
        except Exception:  # the run's outer edge: without a status its lease would be renewed for ever
            logger.exception("run %s failed inside", self.hold.execution_id)
            return failed("internal_error", "an error inside the product ended this run; its log says more")

    def _talk(self, journal: Journal) -> dict[str, Any]:
        spec = RunSpec.from_dict(self.claimed.spec)
        for number, text in enumerate(self.claimed.spec.get("notes", [])):
            journal.note(f"start/note{number}", text)
        conversation = run_team(spec, self.claimed.given, lambda call: self._speak(journal, call))
        result = {
            "final_answer": conversation.final_answer,
            "stopped_by": conversation.stopped_by,
            "turns": len(conversation.turns),
        }
        return {"status": "succeeded", "result": result, "display": result}

    def _speak(self, journal: Journal, call: NodeCall) -> Spoken:
        """An agent's turn: what is recorded of it, the rest asked for and done now, and recorded before it is used."""
        agent = call.agent
        with telemetry.turn(telemetry.TurnFacts(call.key, call.role, call.name, agent.provider, agent.model)):
            return self._summary(journal, call) if call.sums_up else self._turn(journal, call)

    def _turn(self, journal: Journal, call: NodeCall) -> Spoken:
        return take_turn(
            call,
            lambda number, messages, may_call: self._answered(journal, call, number, messages, may_call=may_call),
            lambda wanted: self._use(journal, call, wanted),
        )

    def _summary(self, journal: Journal, call: NodeCall) -> Spoken:
        """A summary; an empty one where the model's error would end the run: the turns are cut then, with a note that
        has a run taken up again do the same."""
        key = f"{call.key}/summary/cut"
        if key not in journal.done:
            try:
                return self._turn(journal, call)
            except LLMError as error:
                if self._after(error)["status"] != "failed":
                    raise
                why = f"the model that was to sum them up did not: {error} ({error.code})"
                journal.note(key, f"{call.role} is told the newest turns alone, because {why}")
        return Spoken("")

    def _answered(
        self, journal: Journal, call: NodeCall, number: int, messages: list[Message], *, may_call: bool
    ) -> Said:
        place = _place(call, number)
        agent = call.agent
        request = {
            "provider": agent.provider, "model": agent.model, "parameters": _parameters(agent, may_call=may_call),
            "messages": messages,
        }  # fmt: skip
        instead = StepPlace(f"{place.key}/fallback", place.kind, place.role, place.round, place.turn)
        if agent.fallback is None:
            return self._said(journal, call, place, request)
        other = {**request, "provider": agent.fallback[0], "model": agent.fallback[1]}
        if instead.key in journal.done:
            return self._said(journal, call, instead, other)
        try:
            return self._said(journal, call, place, request)
        except LLMError as error:
            if not is_last(error, self.claimed.tries):
                raise
            return self._said_instead(journal, call, instead, other, error)

    def _said(self, journal: Journal, call: NodeCall, place: StepPlace, request: dict[str, Any]) -> Said:
        """The recorded answer, or one asked for now and recorded before it is used."""
        started = time.monotonic()
        try:
            said = journal.step(place, request, lambda: self._ask(place, call, request))
        except BreakerOpen:
            raise  # no call was made, so there is nothing to record
        except LLMError as error:
            journal.failed(place, request, described(error), _ms_since(started))
            raise
        return Said(said["text"], said["tool_calls"], said["tokens_in"], said["tokens_out"], said["ms"])

    def _said_instead(
        self, journal: Journal, call: NodeCall, place: StepPlace, request: dict[str, Any], error: LLMError
    ) -> Said:
        """The fallback's answer. It is asked once: when it does not help, the run has failed, or goes on waiting for a
        provider that is left alone for now."""
        name = f"{request['provider']}:{request['model']}"
        if f"{place.key}/why" not in journal.done:
            journal.note(f"{place.key}/why", f"{call.role}: {name} is asked instead, because: {error} ({error.code})")
        try:
            return self._said(journal, call, place, request)
        except LLMError as second:
            if isinstance(error, BreakerOpen):
                raise error from second
            text = f"{error} The fallback model {name} did not help: {second}"
            raise LLMError(text, code=error.code, retryable=False) from second

    def _use(self, journal: Journal, call: NodeCall, wanted: ToolCall) -> tools.ToolResult:
        """A tool call: the recorded result, or one made now."""
        agent = call.agent
        allowed = frozenset(tool.name for tool in agent.tools)
        name = wanted.name if wanted.name in allowed else "unknown"
        place = StepPlace(f"{call.key}/{wanted.key}:{name}", "tool", call.role, call.round, call.turn)
        context = tools.ToolContext(
            tenant_id=self.hold.tenant_id,
            execution_id=self.hold.execution_id,
            team_id=self.claimed.team_id,
            role=call.role,
            idempotency_key=idempotency_key(journal, place.key),
            deadline=time.monotonic() + self._seconds_for_a_call(),
            allowed=allowed,
            last_look=lambda: self.worker.last_look(self.hold),
        )
        step = ToolStep(journal, place, context, {"tool": wanted.name, "arguments": wanted.arguments})
        recorded = step.recorded()
        if recorded is not None:
            return recorded
        with telemetry.tool_call(place.key, name, wanted.id, wanted.arguments) as told:
            asks = agent.asks_before_writes
            result = tools.call(
                context, wanted.name, wanted.arguments, step, asks_before_writes=asks, switches=self._switch_of
            )
            told.ended(result.code, result.content)
        if self.purse:
            self.purse.tool_took(result.ms)
        return result

    def _switch_of(self, tenant_id: UUID, name: str) -> tools.Switch:
        return while_held(self.hold, lambda: switch_of(tenant_id, name))

    def _ask(self, place: StepPlace, call: NodeCall, request: dict[str, Any]) -> Outcome:
        chat = _request(call.agent, request, self._seconds_for_a_call())
        # Reading an answer word by word costs six times the CPU of reading it whole, so it is done for watchers only.
        watched = bool(self.hold.watched or self.claimed.spec.get("stream")) and not call.sums_up
        paying = self.purse.model_call(chat, answer_tokens(call.agent)) if self.purse else nullcontext()
        last_look = looking(lambda: self.worker.last_look(self.hold))
        with paying as paid, telemetry.model_call(place.key, chat, streamed=watched) as told, last_look:
            chat = paid.request if paid else chat
            if watched:
                with stream.TokenStream(self.hold.tenant_id, self.hold.execution_id, place.key) as tokens:
                    answer = chat_model(chat.provider, self.hold.tenant_id).chat(chat, tokens.write)
            else:
                answer = chat_model(chat.provider, self.hold.tenant_id).chat(chat)
            price = cost(chat.provider, chat.model, answer.tokens_in, answer.tokens_out)
            told.answered(answer, price)
            if paid:
                paid.answered(answer)
        text = storable(answer.text)
        return Outcome(
            result={"text": text, "tool_calls": answer.tool_calls, "ms": answer.raw_ms, "model": answer.model},
            display=_display(call, text, answer),
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            cost=price,
            cost_known=price is not None,
            ms=answer.raw_ms,
        )

    def _seconds_left(self) -> float | None:
        left = self.claimed.seconds_left
        return None if left is None else left - (time.monotonic() - self.claimed_at)

    def _seconds_for_a_call(self) -> float:
        left = self._seconds_left()
        limit: float = settings.LLM_TIMEOUT_SECONDS
        return limit if left is None else max(1.0, min(limit, left))

    def _after(self, error: LLMError) -> dict[str, Any]:
        return outcome_after(error, self.claimed.tries, self._seconds_left())


def _request(agent: AgentRun, request: dict[str, Any], timeout_s: float) -> ChatRequest:
    """What is sent. A fallback is not sent parameters that its provider does not take; they were the model's own."""
    chat = ChatRequest(**request, timeout_s=timeout_s)
    entry = providers().get(chat.provider)
    if entry is None or (chat.provider, chat.model) == (agent.provider, agent.model):
        return chat
    refused = set(entry.refused(chat.parameters))
    if "tools" in refused:
        refused.add("tool_choice")
    return replace(chat, parameters={name: value for name, value in chat.parameters.items() if name not in refused})


def _place(call: NodeCall, number: int) -> StepPlace:
    # A summary is no turn of the conversation, so it is a note; it has tokens and a cost like every call.
    end, kind = ("summary", "note") if call.sums_up else (f"llm{number}", "llm")
    return StepPlace(f"{call.key}/{end}", kind, call.role, call.round, call.turn)


def _parameters(agent: AgentRun, *, may_call: bool) -> dict[str, Any]:
    """What goes to the model besides its messages. The tools stay when no call is wanted any more: some providers
    refuse a history of calls without them."""
    if not agent.tools:
        return dict(agent.parameters)
    told = {"tools": [tool.for_model() for tool in agent.tools]}
    return {**agent.parameters, **told, **({} if may_call else {"tool_choice": "none"})}


def _log(hold: Hold, outcome: dict[str, Any]) -> None:
    """A line for what somebody may look for: what a run waits for, and why one did not succeed. Codes alone: a message
    may hold what agents said."""
    if asks := outcome.get("asks"):
        approvals = ", ".join(f"approval {ask['approval']['id']}" for ask in asks)
        logger.info("run %s waits for %s", hold.execution_id, approvals)
    elif error := outcome.get("error"):
        level = logging.INFO if outcome["status"] == "retry_wait" else logging.WARNING
        logger.log(level, "run %s: %s (%s)", hold.execution_id, outcome["status"], error["code"])


def _display(call: NodeCall, text: str, answer: ChatAnswer) -> dict[str, Any]:
    if call.sums_up:
        return {"note": f"The first {call.sums_up} turns, summed up for {call.role}: {text}", "model": answer.model}
    return {"name": call.name, "message": text, "tool_calls": answer.tool_calls, "model": answer.model}


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
