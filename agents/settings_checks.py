"""System checks: a wrong table of providers is named with its cure before anything is served.

ATB.E010 the table or the operator's file cannot be read, ATB.E011 DEFAULT_MODEL names a provider that is not in it.
"""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from agents import providers


@checks.register()
def providers_are_readable(**_: Any) -> list[CheckMessage]:
    """LLM_PROVIDERS, with LLM_PROVIDERS_FILE laid over it, is a table of providers."""
    try:
        table = providers.providers()
    except ImproperlyConfigured as error:
        hint = (
            "correct the entry, or the file LLM_PROVIDERS_FILE names; docs/providers.md says what an entry is made of"
        )
        return [Error(str(error), hint=hint, id="ATB.E010")]
    name = str(settings.DEFAULT_MODEL).partition(":")[0]
    if not name or name in table:
        return []
    hint = f"name one of {', '.join(table)}, or add it to LLM_PROVIDERS_FILE"
    return [Error(f"DEFAULT_MODEL names the provider {name!r}, which there is not", hint=hint, id="ATB.E011")]
