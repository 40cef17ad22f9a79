"""Who is in the pictures: teams of a support desk, and what their agents say."""

import json
from typing import Any, Final

from tests.fakes import FakeLLMServer

MINI: Final = {"provider": "openai", "model": "gpt-4o-mini"}
LARGE: Final = {"provider": "openai", "model": "gpt-4o"}
SMALL: Final = {"provider": "openai", "model": "gpt-4.1-nano"}

BILLING_API: Final = "https://billing.acme-support.example/v2/refunds"
LOUD: Final = "You word the apology"  # the agent that spends most


def agent(
    role: str, name: str, prompt: str, *, personality: str = "", model: Any = None, **more: Any
) -> dict[str, Any]:
    """One agent of a config."""
    return {
        "agent_role": role, "agent_name": name, "agent_goal_based_prompt": prompt, "agent_personality": personality,
        "LLM_model": model, **more,
    }  # fmt: skip


def team(goal: str, *agents: dict[str, Any], rounds: int = 1, **more: Any) -> dict[str, Any]:
    """A team's config; the agents speak in their order."""
    return {"agent_team_main_goal": goal, "max_turns": rounds, "agents": list(agents), **more}


TRIAGE = agent(
    "Triage", "Tess", "You sort the customer's message: what is asked, how urgent it is, and who should answer it.",
    personality="You are quick and never guess.", model=MINI, LLM_configuration={"temperature": 0.1},
)  # fmt: skip
CLERK = agent(
    "RefundClerk", "Remy", "You look up the order and prepare the refund. Never refund more than was paid.",
    personality="You are careful with money.", model=LARGE, agent_tools=["Call_Web_API"], agent_asks_before_writes=True,
)  # fmt: skip
APOLOGY = agent("Writer", "Wanda", f"{LOUD} in three friendly sentences and say what happens next.", model=MINI)
RETRIEVER = agent(
    "Retriever", "Rita", "You collect what the alerts and the change log say, in the order of time.",
    model=MINI, agent_tools=["Chunk_Text"],
)  # fmt: skip
ANALYST = agent("Analyst", "Ansel", "You find the most likely cause and name what speaks against it.", model=LARGE)
CRITIC = agent(
    "Critic", "Cleo", "You look for gaps, unproven claims and blame, and ask for what is missing.",
    personality="You are strict and polite.", model=MINI,
)  # fmt: skip
REFINER = agent("Refiner", "Rafi", "You answer each point of the criticism in a new version of the text.", model=MINI)
DECIDER = agent("DecisionMaker", "Dora", "You give the final summary with owner, date and next step.", model=LARGE)
COLLECTOR = agent("Collector", "Cole", "You list the merged changes a customer would notice.", model=SMALL)
EDITOR = agent("Editor", "Edda", "You cut the release notes to one page and group them by product.", model=MINI)

BILLING = team(
    "Answer a customer's question about an invoice correctly, kindly and in under 120 words.",
    TRIAGE,
    agent("BillingExpert", "Bela", "You explain the invoice line by line with the price list at hand.", model=MINI),
    agent("Reviewer", "Rosa", "You check every amount and the tone before the answer leaves.", model=MINI),
)
REFUNDS = team(
    "Settle refund requests within our rules, and tell the customer what happens next.", TRIAGE, CLERK, APOLOGY
)
INCIDENT = team(
    "Write the summary of an incident that customers may read: what happened, why, and what we change.",
    RETRIEVER, ANALYST, CRITIC, REFINER, DECIDER, rounds=2,
)  # fmt: skip
NOTES = team("Turn this week's merged changes into release notes.", COLLECTOR, EDITOR)
GAPS = team(
    "Find what customers ask for and our help pages do not answer.",
    agent("Reader", "Remo", "You read the questions of the week and group them by subject.", model=MINI),
    agent("Summariser", "Suna", "You name the five largest groups with an example each.", model=MINI),
    allow_TBA_to_recommend_agents=True, allow_TBA_how_many_more=2, should_TBA_ask_caller_approval=True,
)  # fmt: skip
CHURN = team(
    "Explain why customers left last month, with numbers.",
    agent("Counter", "Cato", "You count cancellations by plan and reason.", model=LARGE),
    agent("Explainer", "Elin", "You explain the three largest reasons.", model=MINI),
)
TRANSLATE = team(
    "Translate the answer into the customer's language and keep names and amounts as they are.",
    agent("Translator", "Tomas", "You translate and keep the tone.", model=SMALL),
    agent("Proofreader", "Pia", "You compare both texts sentence by sentence.", model=MINI),
)
WELCOME = team(
    "Write the first three mails a new customer gets.",
    agent("Marketer", "Milo", "You write mails that people finish reading.", model=MINI),
    agent("Critic", "Cleo", "You strike every sentence that does not help.", model=MINI),
)
SURVEY = team("Sum up the answers to the yearly survey.", agent("Reader", "Remo", "You read the survey.", model=MINI))

_RECOMMENDED = {
    "agents": [
        {
            "role": "Prioritiser", "name": "Petra", "personality": "You weigh effort against use.",
            "prompt": "Order the gaps by how many customers each one costs, and say which page should close it.",
            "tools": [], "reason": "The goal asks for gaps, and nobody says which to close first.", "place": 3,
        },
        {
            "role": "Checker", "name": "Chen", "personality": "You trust no claim without a source.",
            "prompt": "Look for each gap in the help pages before it is reported.", "tools": ["Chunk_Text"],
            "reason": "A gap that has a page already would waste a writer's day.", "place": 3,
        },
    ]
}  # fmt: skip
_REFUND = {
    "method": "POST", "url": BILLING_API,
    "body": {"order": "A-20481", "amount": "49.00", "currency": "EUR", "reason": "charged twice"},
}  # fmt: skip
_LOG = {
    "text": "09:58 deploy 4.18.2. 10:04 latency p95 4.1 s. 10:21 rolled back. 10:26 normal.",
    "size": 40,
    "overlap": 0,
    "boundary": "sentence",
}

_SAID = {
    "You sort the customer": "Kind: refund. Urgency: normal. The customer was charged twice for order A-20481 "
    "(49.00 EUR) and wants one of the charges back. For: RefundClerk.",
    "You explain the invoice": "The 12.40 EUR on line 3 are three extra seats, added on the 14th and charged for the "
    "17 days that were left. From next month on they cost 21.90 EUR.",
    "You check every amount": "All amounts match the price list; the tone is right. Final answer: the extra 12.40 EUR "
    "are three seats added on the 14th, charged for the rest of the month.",
    LOUD: "We are sorry that order A-20481 was charged twice. The second charge of 49.00 EUR goes back to your card "
    "within five working days. You need not do anything.",
    "You find the most likely": "The deploy of 09:58 is the most likely cause: it added a query for each line of the "
    "basket, and latency rose six minutes later. Against it speaks that the canary showed nothing for two hours.",
    "You look for gaps": "The text says why latency rose, but not why the canary missed it. The number of customers "
    "affected is a guess. Name who owns the follow-up.",
    "You answer each point": "The canary had baskets of one line only, so the new query ran once. 3.1 % of checkouts "
    "between 10:04 and 10:26 failed. The follow-up is owned by the checkout team.",
    "You give the final summary": "Between 10:04 and 10:26 UTC checkout was slow and 3.1 % of orders failed, because a "
    "change asked the database once for each line of a basket. It was taken back at 10:21. The canary will use real "
    "baskets from 1 December on; owner: checkout team.",
    "You list the merged": "1. Invoices can be downloaded as PDF. 2. Search finds order numbers with blanks in them. "
    "3. Two-factor sign-in works with passkeys.",
    "You cut the release": "New: passkeys for two-factor sign-in; invoices as PDF. Better: search forgives blanks in "
    "order numbers.",
    "You read the questions": "Groups: seats added in mid-month (41), passkeys (23), VAT ids (19), exports (12).",
    "You name the five": "Largest gap: seats added in mid-month, 41 questions and no page.",
    "You translate": "Wir bitten um Entschuldigung: Die Bestellung A-20481 wurde doppelt berechnet.",
    "You compare both": "Names and amounts are the same in both texts. One comma corrected.",
    "You write mails": "Welcome! Here is the one thing to do first: invite a colleague, then send a test ticket.",
    "You strike every": "Struck: the second greeting and the paragraph about our history.",
    "You read the survey": "Most people are content; they miss exports.",
    "You explain the three": "Price, missing exports, and slow answers, in this order.",
}  # fmt: skip


def teach(model: FakeLLMServer, latency_ms: float) -> None:
    """Let the model's server say what belongs to each agent's instructions."""
    model.rule(match="You put together teams of AI agents", answer=json.dumps(_RECOMMENDED))
    model.rule(match="You count cancellations", fault="400", answer="The model gpt-4o is not open to this account.")
    _with_tool(model, "You look up the order", ("Call_Web_API", _REFUND), "The refund of 49.00 EUR is on its way.")
    _with_tool(
        model, "You collect what the alerts", ("Chunk_Text", _LOG),
        "09:58 deploy 4.18.2; 10:04 latency p95 rises to 4.1 s; 10:21 rolled back; 10:26 normal again.",
    )  # fmt: skip
    for match, answer in _SAID.items():
        model.rule(match=match, answer=answer, latency_ms=latency_ms)


def _with_tool(model: FakeLLMServer, match: str, call: tuple[str, dict[str, Any]], answer: str) -> None:
    model.rule(match=match, after_tools=True, answer=answer, latency_ms=200)
    model.rule(match=match, calls=[(call[0], json.dumps(call[1]))], latency_ms=200)


SLOW: Final = (
    "The queue of the mail service grew from 14:10 on, five minutes after the certificate of the relay had been "
    "renewed. Two of the four relays kept the old one in memory and refused every connection from then on; the "
    "other two took all of the load, and had it cleared by 15:40. That is the most likely cause: mails that left "
    "through the two healthy relays were never late, and the log of the others shows the refusals to the second. "
    "Against it speaks that the certificate was renewed twice before without harm. Both times, though, the relays "
    "were restarted the same night for another reason, so that the old one was never used past its end. What is "
    "not known yet is why no alarm rang."
)
