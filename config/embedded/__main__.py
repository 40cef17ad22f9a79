"""`python -m config.embedded serve` and `python -m config.embedded demo`."""

import argparse
import os
import sys

from rich.console import Console

from config.embedded import local_model
from config.embedded.choice import Choice
from config.embedded.datadir import DataDir
from config.embedded.errors import EmbeddedError, StopRequested
from config.embedded.stack import PROJECT, STOP_ORDER, Stack
from config.embedded.supervisor import Interrupts, Supervisor

_out = Console(highlight=False, soft_wrap=True)
_err = Console(highlight=False, soft_wrap=True, stderr=True)


def main() -> int:
    """Run the command; returns 0 after a stop that was asked for, 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=__doc__)
    parser.add_argument("command", choices=("serve", "demo"))
    command = parser.parse_args().command
    interrupts = Interrupts()
    try:
        with interrupts.caught():
            choice = Choice.from_environment(os.environ)
            data = DataDir(choice.data_dir)
            data.prepare()
            with data.lock():
                return _run(command, choice, data, interrupts)
    except EmbeddedError as error:
        _fail(error)
        return 1
    except OSError as error:
        _fail(error)
        return 1


def _run(command: str, choice: Choice, data: DataDir, interrupts: Interrupts) -> int:
    """Start everything, serve or show the demo, and stop everything."""
    supervisor = Supervisor(_report, interrupts)
    status = 0
    try:
        for name in data.end_leftovers(supervisor.pause):
            _report(f"{name} was left behind by a command that was killed; it is stopped now")
        stack = Stack(choice, data, supervisor, os.environ)
        tenant = _start(stack, choice, data, neighbour=command == "demo")
        if command == "demo":
            status = _demo(stack, supervisor, tenant)
        if command == "serve" or _stays():
            if command == "demo":
                _introduce(stack, tenant)  # once more: the tour has moved it out of sight
            _out.print("Ctrl-C stops everything.")
            supervisor.watch()
    except StopRequested:
        _out.print("stopping ...")
    except EmbeddedError as error:
        _fail(error)
        status = 1
    finally:
        orderly = supervisor.stop(STOP_ORDER)
        data.environment.unlink(missing_ok=True)
    return status if orderly else 1


def _start(stack: Stack, choice: Choice, data: DataDir, *, neighbour: bool) -> dict[str, str]:
    """Bring all parts up, say where they are, and return the demo tenant's login and key."""
    _out.print(f"starting (data and logs in {data.root})")
    for notice in choice.notices:
        _report(notice)
    stack.start_services()
    if not stack.has_model:
        _report("There is no local model on this machine. " + local_model.HOW_TO_REPLACE)
    login = stack.prepare(neighbour=neighbour)
    stack.start_product()
    _introduce(stack, login)
    if stack.local_model:
        _out.print(f"{local_model.DESCRIPTION}\n{local_model.HOW_TO_REPLACE}", style="yellow")
    # A line of its own, as it is: programs wait for it.
    print(f"ready {stack.address}", flush=True)  # noqa: T201
    return login


def _introduce(stack: Stack, login: dict[str, str]) -> None:
    """Print what a person needs to begin."""
    _out.print(f"\n[bold]Agent Team Builder[/] at {stack.address}/admin/  (API: {stack.address}/api/docs/)")
    _out.print(f"  tenant {login['tenant']}, login {login['username']} / {login['password']}")
    _out.print(f"  API key {login['api_key']}")
    _out.print(f"  curl -H 'Authorization: Bearer {login['api_key']}' {stack.address}/api/v1/teams")


def _demo(stack: Stack, supervisor: Supervisor, login: dict[str, str]) -> int:
    """Show the main job step by step; returns 0 when every step worked."""
    environment = {
        **os.environ,
        "DEMO_URL": stack.address,
        "DEMO_API_KEY": login["api_key"],
        "DEMO_HAS_MODEL": "1" if stack.has_model else "",
        "DEMO_NEIGHBOUR_KEY": login["neighbour_key"],
    }
    return supervisor.run_in_front((sys.executable, "-m", "config.embedded.demo"), environment, PROJECT)


def _stays() -> bool:
    """Whether the demo goes on serving: a person sits in front of it and did not say DEMO_EXIT=1."""
    return not os.environ.get("DEMO_EXIT") and sys.stdin.isatty() and sys.stdout.isatty()


def _report(text: str) -> None:
    _err.print(text, style="yellow", markup=False)


def _fail(error: Exception) -> None:
    _err.print(str(error), style="bold red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
