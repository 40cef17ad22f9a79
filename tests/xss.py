"""Hostile texts, and a reading of pages that tells what came out of them as anything but text."""

import re
from html.parser import HTMLParser
from typing import Final

TINY: Final = "<xs>"
"""For fields of four characters."""

MARK: Final = "xssmark"
"""Stands in each text as an element's or an attribute's name, so that one that got through is known for sure."""

BREAKS_OUT: Final = (
    f"\"'></title></textarea></script><{MARK} {MARK}=1 x-init='xss=1' onclick=xss=1>{{{{7*7}}}}`${{xss=1}}"
)
"""Leaves every kind of place at once; short enough for each field that takes a text."""

TEXTS: Final = (
    BREAKS_OUT,
    f'"><img src=x {MARK} onerror="window.xss=1">',
    f"</script><script {MARK}>window.xss=1</script>",
    f"{{{{constructor.constructor('window.xss=1')()}}}} {MARK}",
    f'\' {MARK} x-data="x" x-init="window.xss=1" \'',
    f'" {MARK} hx-get="/admin/?{MARK}" hx-trigger="load" x="',
    f"javascript:window.xss=1//{MARK}",
    f"</textarea><{MARK}>",
    f"</title><{MARK}>",
    f"]]><{MARK}>",
    f"--><{MARK}><!--",
    f"\u202e<{MARK}>\u2066",
    f'<svg {MARK} onload="window.xss=1"><script {MARK}>window.xss=1</script></svg>',
    f'<a {MARK} href="javascript:window.xss=1">click</a>',
    f'<div {MARK} x-data @click="window.xss=1" :class="window.xss=1" x-text="window.xss=1">',
    f"`${{window.xss=1}}` <{MARK}>",
    f'<iframe {MARK} srcdoc="<script>parent.xss=1</script>">',
    f"<style {MARK}>*{{background:url(javascript:window.xss=1)}}</style>",
)
ALL: Final = "\n".join(TEXTS)

_READ_BY_SCRIPTS: Final = re.compile(r"^(x-|@|:|hx-|on|data-hx-|data-x-)")
_ADDRESSES: Final = {"href", "src", "action", "formaction", "xlink:href", "srcset", "poster", "data"}


class Page(HTMLParser):
    """What of a page a script may read, what of it breaks out of its place (`faults`), and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.read_by_scripts: set[tuple[str, str]] = set()
        self.text = ""
        self._words: list[str] = []
        self.feed(html)
        self.close()
        self.text = "\n".join(self._words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if MARK in tag or tag == TINY[1:-1]:
            self.faults.append(f"element {self.get_starttag_text()}")
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        self._words.append(value)
        plain = re.sub(r"[\x00-\x20]", "", value).lower()
        if MARK in name or (name in _ADDRESSES and plain.startswith(("javascript:", "data:text", "vbscript:"))):
            self.faults.append(f"{name} of {self.get_starttag_text()}")
        if _READ_BY_SCRIPTS.match(name):
            self.read_by_scripts.add((tag, name))
            if MARK in value:
                self.faults.append(f"{name} reads {value}")
        if name in {"style", "id", "class"} and MARK in value:
            self.faults.append(f"{name} of {self.get_starttag_text()}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and MARK in data and "<" in data:
            self.faults.append(f"in a script or style: {data[:200]}")
        self._words.append(data)

    def handle_comment(self, data: str) -> None:
        if MARK in data:
            self.faults.append(f"comment {data[:200]}")

    def handle_pi(self, data: str) -> None:
        if MARK in data:
            self.faults.append(f"instruction {data[:200]}")
