"""`make chaos`: see the package. Exit status 1 when a promise was broken."""

import argparse
import os
import random
import signal
import sys
import time

import django
from django.core.management import call_command

import tests.chaos
from tests.chaos import plan
from tests.chaos.crew import Crew
from tests.chaos.model import WatchedModel
from tests.chaos.receiver import Receiver
from tests.chaos.services import Services, clean_environment
from tests.chaos.verdict import Line, effects, judge


def main() -> int:
    """Storm and judge."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started here is stopped
    clean_environment()
    with Services() as services, WatchedModel() as model, Receiver(given.tool) as plain, Receiver(given.tool) as keyed:
        os.environ |= services.environment() | {
            "DJANGO_SETTINGS_MODULE": "config.settings", "DEFAULT_MODEL": "openai:fake",
            "OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "chaos",
            "OUTBOUND_ALLOW": f"{plain.host},{keyed.host}",
        }  # fmt: skip
        django.setup()
        call_command("migrate", verbosity=0)
        if given.fair:
            from tests.chaos import fair

            model.rule(latency_ms=given.latency)
            return fair.measure(services, given.slots)
        return _report(given, _storm(given, services, model, plain, keyed))


def _storm(
    given: argparse.Namespace, services: Services, model: WatchedModel, plain: Receiver, keyed: Receiver
) -> list[Line]:
    from tests.chaos import person, storm  # need Django to be set up

    faults = given.kills + given.stops + given.flushes + given.redis + given.postgres + given.away
    plan.script(model, plain, keyed, given.latency)
    submissions = storm.Submissions(given.runs, faults * given.every + given.stops * given.lease, plain, keyed)
    sides = {plan.ONCE: plain, plan.KEYED: keyed}
    people = person.Person(services, submissions.actors, sides)
    env = {"LEASE_SECONDS": str(given.lease), "HEARTBEAT_SECONDS": str(given.lease / 4), "REAP_SECONDS": "0.5"}
    with Crew(services, given.workers, env, given.slots) as crew:
        began = time.monotonic()
        submissions.start()
        people.start()
        struck = storm.strike(crew, services, given)
        submissions.enough.set()
        storm.settle(services, crew, submissions, given.patience)
        seconds = time.monotonic() - began
        people.stop()
        lines = judge(services, model, crew, submissions.accepted)
        lines += effects(services, people, sides)
    return [Line(name, count) for name, count in struck.items()] + [Line("seconds", f"{seconds:.0f}"), *lines]


def _report(given: argparse.Namespace, lines: list[Line]) -> int:
    broken = [line for line in lines if line.broken]
    sys.stdout.write(f"chaos --seed {given.seed}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    for line in lines:
        sys.stdout.write(f"  {line.name:58} {line.value}{'   BROKEN' if line.broken else ''}\n")
    sys.stdout.write(f"verdict: {len(broken)} promises broken\n" if broken else "verdict: every promise kept\n")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=tests.chaos.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default, text in (
        ("runs", 300, "runs of four agents each, one of which calls two tools; more if faults are left"),
        ("kills", 20, "kill -9 of the busiest worker"),
        ("stops", 2, "SIGSTOP of the busiest worker past its leases"),
        ("flushes", 2, "FLUSHALL"),
        ("redis", 2, "kill -9 of Redis, which comes back empty"),
        ("postgres", 2, "restarts of PostgreSQL"),
        ("away", 1, "PostgreSQL away longer than a lease"),
        ("workers", 3, "worker processes"),
        ("slots", 16, "runs a worker carries at once"),
        ("seed", random.randrange(10_000), "decides the order of the faults"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} ({default})")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between faults (3)")
    parser.add_argument("--lease", type=float, default=3.0, help="LEASE_SECONDS of the workers (3)")
    parser.add_argument("--latency", type=float, default=400.0, help="milliseconds of a model call (400)")
    parser.add_argument("--tool", type=float, default=0.2, help="seconds of a tool call (0.2)")
    parser.add_argument("--patience", type=float, default=60.0, help="a run is lost when nothing happens for so long")
    parser.add_argument("--fair", action="store_true", help="no storm: measure fair use between two tenants")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
