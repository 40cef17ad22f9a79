"""Forms of a page, read as a browser reads them."""

from html.parser import HTMLParser
from typing import Any


class Form(HTMLParser):
    """The successful controls of one form by name, and how many controls can be used."""

    def __init__(self, page: str, form_id: str) -> None:
        super().__init__()
        self.form_id, self.data, self.usable = form_id, dict[str, list[str]](), 0
        self._inside, self._template, self._area, self._select = False, 0, "", ""
        self._begun = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of: dict[str, Any] = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = of.get("id") == self.form_id
        self._template += tag == "template"
        if not self._inside or self._template:
            return
        usable = tag in {"input", "select", "textarea", "button"} and "disabled" not in of
        self.usable += usable and of.get("type") != "hidden"
        if tag == "input" and usable and of.get("type") not in {"submit", "file"}:
            if of.get("type") not in {"checkbox", "radio"} or "checked" in of:
                self._add(of.get("name"), of.get("value", "on" if of.get("type") == "checkbox" else ""))
        elif tag == "textarea" and usable:
            self._area, self._begun = of.get("name", ""), False
            self._add(self._area, "")
        elif tag == "select" and usable:
            self._select = of.get("name", "")
        elif tag == "option" and self._select and ("selected" in of or self._select not in self.data):
            self.data[self._select] = [of.get("value", "")]

    def handle_endtag(self, tag: str) -> None:
        self._template -= tag == "template"
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""
        elif tag == "form":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._area:
            said = self.data[self._area][-1]
            self.data[self._area][-1] = said + data if said or self._begun else data.removeprefix("\n")
            self._begun = True

    def _add(self, name: str | None, value: str) -> None:
        if name:
            self.data.setdefault(name, []).append(value)
