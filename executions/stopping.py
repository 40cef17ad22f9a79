"""When a conversation is over, and what its answer is.

Three rules, looked at after each turn in this order:

1. Any agent's message contains `FINAL_ANSWER:` (in capitals, the first one counts). The answer is the text after it;
   when nothing follows, the text before it; when the message is nothing else, the last message before this turn.
2. The DecisionMaker's message has a line beginning with the word CONCLUDE, in any case ("Conclude:", "**CONCLUDE**");
   "concluded", "concluding" and a CONCLUDE further along a line do not count. The answer is the text after the word;
   when nothing follows, the last message of another agent (the DecisionMaker accepts what was said); when nobody
   else has spoken, the message itself.
3. The rounds are used up. The answer is the last message.
"""

import re
from collections.abc import Sequence

from executions.runspec import StoppedBy, Turn

LEADER = "DecisionMaker"
MARK = "FINAL_ANSWER:"
# Models put words they were told in bold or in code marks: "**FINAL_ANSWER:** 42".
MARKUP_BEFORE = re.compile(r"[*_`]+\Z")
# The word at a line's beginning, as a heading or in bold if need be, with the colon, stop or dash that ends it.
# Possessive, and never across a line's end: no text makes this slow.
CONCLUDE = re.compile(
    r"""^[ \t]*+ (?:\#{1,6}[ \t]++)? [*_`]{0,3} conclude (?![^\W_]|['\u2019-])
        [*_`]{0,3} [ \t]*+ (?: (?: [:.,;!]++ | [\u2013\u2014-](?=\s) ) [*_`]{0,3} )?""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def stop(turns: Sequence[Turn], *, last_of_run: bool) -> tuple[StoppedBy, str] | None:
    """(why, final answer) when the newest turn ends the conversation, else None."""
    newest = turns[-1]
    if MARK in newest.message:
        return "final_answer", _final_answer(turns)
    if newest.role == LEADER and (found := CONCLUDE.search(newest.message)):
        return "concluded", newest.message[found.end() :].strip() or _accepted(turns)
    return ("max_turns", newest.message.strip()) if last_of_run else None


def _final_answer(turns: Sequence[Turn]) -> str:
    before, _, after = turns[-1].message.partition(MARK)
    if markup := MARKUP_BEFORE.search(before):
        before = before[: markup.start()]
        after = after.replace(markup.group(), "", 1)
    earlier = (turn.message.strip() for turn in reversed(turns[:-1]))
    return after.strip() or before.strip() or next(filter(None, earlier), "")


def _accepted(turns: Sequence[Turn]) -> str:
    said = (turn.message.strip() for turn in reversed(turns[:-1]) if turn.role != LEADER)
    return next(filter(None, said), turns[-1].message.strip())
