"""Chunk_Text: cuts a text into passages that end where a reader would pause."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from agents.tools.declaring import tool
from agents.tools.spec import ToolError, ToolResult

MAX_TEXT: Final = 100_000
CHARS_OF_A_TOKEN: Final = 4
"""Of English prose with the usual vocabularies. No model's own count: passages need none."""

Unit = Literal["characters", "tokens"]
Boundary = Literal["paragraph", "sentence", "none"]

_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")
# A full stop, with what closes a quotation, and blanks; or a line's end. The ideographic ones need no blank.
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*|\n+")  # noqa: RUF001 - meant as they are
_WORD_END = re.compile(r"\s+")


@dataclass(frozen=True)
class Passage:
    """A piece of a text, with where it lies there."""

    start: int
    end: int
    text: str


def passages(text: str, size: int, overlap: int = 0, boundary: Boundary = "paragraph") -> Iterator[Passage]:
    """Cut `text` into passages of at most `size` characters, each beginning up to `overlap` before the last one's end.

    A passage ends at the last paragraph's end in its second half, else at a sentence's, else between words; only a
    word longer than a passage is cut. Blanks at its ends are left out; together the passages hold all other characters.
    """
    start = _skip_blanks(text, 0)
    while start < len(text):
        end = _end(text, start, size, boundary)
        kept = text[start:end].rstrip()
        yield Passage(start, start + len(kept), kept)
        if end >= len(text):
            return
        following = _skip_blanks(text, end)
        # Begins with a whole word, and always further on than the passage before it, so that it comes to an end.
        start = max(_word_start(text, following - overlap, following), start + 1) if overlap else following


def _end(text: str, start: int, size: int, boundary: Boundary) -> int:
    limit = start + size
    if limit >= len(text):
        return len(text)
    # A boundary counts when it lies in the passage; the blanks behind it may lie outside.
    window, least = text[start : limit + 1], size // 2
    ends = {"paragraph": [_PARAGRAPH_END, _SENTENCE_END, _WORD_END], "sentence": [_SENTENCE_END, _WORD_END], "none": []}
    for pattern in ends[boundary]:
        floor = 0 if pattern is _WORD_END else least
        found = [match for match in pattern.finditer(window) if len(window[: match.end()].rstrip()) <= size]
        if found and found[-1].end() > floor:
            return start + min(found[-1].end(), size)
    return limit


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _word_start(text: str, at: int, latest: int) -> int:
    """The first beginning of a word from `at` on, `latest` at the latest."""
    at = max(at, 0)
    while 0 < at < latest and not (text[at - 1].isspace() and not text[at].isspace()):
        at += 1
    return at


def tokens_of(text: str) -> int:
    """About how many tokens a text is."""
    return -(-len(text) // CHARS_OF_A_TOKEN)


@tool("Chunk_Text", title="Cut text into passages", effects="read", timeout_s=10.0, content_chars=40_000)
def chunk_text(
    _context: object,
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)],
    size: Annotated[int, Field(ge=20, le=20_000)] = 1000,
    overlap: Annotated[int, Field(ge=0, le=10_000)] = 100,
    unit: Unit = "characters",
    boundary: Boundary = "paragraph",
    first: Annotated[int, Field(ge=1, le=MAX_TEXT)] = 1,
) -> ToolResult:
    """Cuts a long text into passages of a size that can be searched, ending where a reader would pause.

    Args:
        text: The text to cut.
        size: The greatest length of a passage, in the unit.
        overlap: How much of its end each passage repeats at the beginning of the next one, in the unit; at most
            half of the size.
        unit: What sizes are counted in; a token is taken to be four characters.
        boundary: Where a passage should end: at a paragraph, at a sentence, or (none) anywhere.
        first: Number of the first passage to return, to go on where a former answer was too long.

    Returns:
        JSON with how many passages there are, and each with its number, its place in the text and its words.
    """
    if overlap * 2 > size:
        raise ToolError("bad_arguments", f"overlap: is {overlap}, at most half of size ({size // 2}) is allowed")
    factor = CHARS_OF_A_TOKEN if unit == "tokens" else 1
    found = list(passages(text, size * factor, overlap * factor, boundary))
    if first > max(len(found), 1):
        raise ToolError("bad_arguments", f"first: is {first}, there are {len(found)} passages")
    return _answer(found, first, chunk_text.content_chars)


def _answer(found: list[Passage], first: int, room: int) -> ToolResult:
    shown: list[dict[str, object]] = []
    left = room - 200  # for what stands around the passages
    for number, passage in enumerate(found[first - 1 :], first):
        entry = {"number": number, "start": passage.start, "end": passage.end, "text": passage.text}
        left -= len(_json(entry)) + 1
        if left < 0 and shown:
            break
        shown.append(entry)
    answer: dict[str, object] = {"count": len(found), "passages": shown}
    following = first + len(shown)
    if following <= len(found):
        answer["more"] = f"call again with first={following}"
    return ToolResult(_json(answer), display={"count": len(found), "shown": len(shown)})


_json: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
