"""Documents of other tools, written in their manner for the tests of imports."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def text(name: str) -> str:
    """A sample as it is."""
    return (FOLDER / name).read_text(encoding="utf-8")


def document(name: str) -> Any:
    """A JSON sample."""
    return json.loads(text(name))


def crew() -> dict[str, str]:
    """CrewAI's two files as an import takes them."""
    return {"agents": text("crewai_agents.yaml"), "tasks": text("crewai_tasks.yaml")}
