"""`python -m config.embedded.prepare FILE [--neighbour]`: tables and tenants, in one process.

Starting Django costs seconds, so these management commands share one start. Prints one line of JSON: the demo
tenant's login and API key (as `manage.py demo_tenant --password-file FILE` gives them), with --neighbour also a key of
a second tenant.
"""

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

import django
from django.core.management import CommandError, call_command

_NEIGHBOUR = "neighbour"


def _output(name: str, *words: str) -> str:
    """Run a management command and return what it printed."""
    out = io.StringIO()
    call_command(name, *words, stdout=out, stderr=sys.stderr)
    return out.getvalue().strip()


def _neighbour_key() -> str:
    """Return a key, for a day, of the second tenant, who is made when missing."""
    with suppress(CommandError):  # made by an earlier start; if it was something else, the key below says so
        _output("create_tenant", _NEIGHBOUR)
    return _output("create_api_key", "--tenant", _NEIGHBOUR, "--scopes", "all", "--name", "demo", "--expires", "1")


def main() -> int:
    """Prepare the database; returns 1 with the reason on stderr when a command refuses."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    try:
        call_command("migrate", verbosity=0)
        login: dict[str, Any] = json.loads(_output("demo_tenant", "--password-file", sys.argv[1]))
        if "--neighbour" in sys.argv:
            login["neighbour_key"] = _neighbour_key()
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(login) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
