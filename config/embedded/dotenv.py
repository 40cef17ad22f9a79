"""Files of NAME=value lines that only their owner may read."""

import os
from collections.abc import Mapping
from pathlib import Path


def read(file: Path) -> dict[str, str]:
    """Return what the file holds; nothing when there is no such file."""
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in pairs}


def write(file: Path, values: Mapping[str, str], comment: str) -> None:
    """Replace the file in one step, readable by its owner alone.

    Raises ValueError for a value that one quoted line cannot hold.
    """
    lines = [f"# {comment}"]
    for name, value in values.items():
        if "\n" in value or "'" in value:
            raise ValueError(f"{name} has a line break or a quote in it")
        lines.append(f"{name}='{value}'")
    new = file.with_name(file.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("\n".join(lines) + "\n")
    new.replace(file)
