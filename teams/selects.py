"""A select for many choices."""

from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LongSelect(forms.Select):
    """A select whose choices are written by code: a template for each would take half a second for 5,000 of them."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ARG002 - Django's signature
        context = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        flags = format_html_join("", " {}", ((key,) for key, set_ in context.items() if set_ is True))
        named = ((key, given) for key, given in context.items() if not isinstance(given, bool) and given is not None)
        chosen = str(value or "")
        options = format_html_join(
            "",
            "<option value='{}'{}>{}</option>",
            ((key, " selected" if str(key) == chosen else "", label) for key, label in self.choices),
        )
        return format_html("<select{}{}>{}</select>", format_html_join("", ' {}="{}"', named), flags, options)
