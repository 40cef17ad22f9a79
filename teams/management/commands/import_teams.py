"""`manage.py import_teams --tenant SLUG FILE [--tasks FILE] [--dry-run]`: teams from a document, with a report."""

from pathlib import Path
from typing import Any, Final, get_args

from django.core.management.base import CommandError, CommandParser

from teams import strict_json
from teams.management.base import ProductCommand
from teams.transfer import Format, Mode, Report, TeamResult, import_teams

MAX_BYTES: Final = 100_000_000
_YAML: Final = {".yaml", ".yml"}


class Command(ProductCommand):
    help = (
        "Import teams: an export of teams, a team of AutoGen Studio (JSON), or a crew of CrewAI (its agents.yaml with "
        "--tasks tasks.yaml, or the folder that holds both). Exit status 1 when a team could not be imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--format", choices=get_args(Format), default="auto", help="(default: %(default)s)")
        parser.add_argument("--tasks", type=Path, metavar="FILE", help="CrewAI's tasks.yaml")
        parser.add_argument(
            "--mode", choices=get_args(Mode), default="create", help="what to do with ids that are here already: make "
            "new teams with new ids, store new versions, or leave the teams as they are (default: %(default)s)",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")
        parser.add_argument("--reason", default="", metavar="TEXT", help="kept with the versions")

    def handle(self, *_args: Any, **options: Any) -> None:
        report = import_teams(
            actor=self.actor_in(self.find(options["tenant"])),
            document=_document(options["file"], options["tasks"]),
            source=options["format"],
            mode=options["mode"],
            dry_run=options["dry_run"],
            reason=options["reason"],
        )
        for line in _lines(report):
            self.stdout.write(line)
        if report.failed:
            raise CommandError(f"{report.failed} of {len(report.results)} teams could not be imported")


def _document(file: Path, tasks: Path | None) -> object:
    """What the files hold. YAML files are those of a crew; a folder is a crew's `config`."""
    if file.is_dir():
        file, tasks = _in_folder(file, "agents"), tasks or _in_folder(file, "tasks")
    if file.suffix.lower() not in _YAML:
        if tasks is not None:
            raise CommandError("--tasks goes with CrewAI's agents.yaml")
        return strict_json.read(_bytes(file))
    return {"agents": _text(file), **({"tasks": _text(tasks)} if tasks else {})}


def _in_folder(folder: Path, name: str) -> Path:
    found = next((path for suffix in sorted(_YAML) if (path := folder / f"{name}{suffix}").exists()), None)
    if found is None:
        raise CommandError(f"{folder} holds no {name}.yaml")
    return found


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CommandError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error}") from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text") from error


def _lines(report: Report) -> list[str]:
    lines = [line for result in report.results for line in _about(result)]
    if report.notes:
        lines.append("Notes on the document:")
        lines += [f"  {note['loc'] or 'document'}: {note['msg']}" for note in report.notes]
    counts = ", ".join(f"{count} {action}" for action, count in report.counts.items() if count)
    stored = " (dry run: nothing is stored)" if report.dry_run else ""
    return [*lines, f"{report.format}: {counts or 'no teams'}{stored}"]


def _about(result: TeamResult) -> list[str]:
    name = result.name or f"team {result.index + 1}"
    version = f", version {result.version}" if result.version else ""
    lines = [f"{result.action:8} {name}{f' ({result.id}{version})' if result.id else ''}"]
    if result.detail:
        lines.append(f"  {result.detail}")
    lines += [f"  error at {found['loc'] or 'config'}: {found['msg']}" for found in result.errors]
    lines += [f"  warning at {found['loc'] or 'config'}: {found['msg']}" for found in result.warnings]
    return lines
