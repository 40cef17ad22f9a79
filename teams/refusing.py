"""What services refuse alike: texts that cannot be stored or are too long, and everything wrong at once."""

from teams.canonical import walk_problems
from teams.errors import Invalid, Located
from teams.storing import MAX_REASON


def refuse(problems: list[Located]) -> None:
    """Raise `Invalid` with all of them, if there are any."""
    if problems:
        count = len(problems)
        raise Invalid(f"The request has {count} error{'s' if count != 1 else ''}.", errors=problems)


def text_problems(loc: str, text: str, most: int) -> list[Located]:
    """What keeps a text from being stored."""
    problems = walk_problems({loc: text})[0]
    if len(text) > most:
        problems.append(Located(loc=loc, msg=f"has {len(text)} characters, at most {most} are allowed"))
    return problems


def reason_problems(reason: str) -> list[Located]:
    """What is wrong with a reason."""
    return text_problems("reason", reason, MAX_REASON)
