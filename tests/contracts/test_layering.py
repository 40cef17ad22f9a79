"""Apps import in one direction, and no module or function grows past its budget.

The budget is printed by `pytest tests/contracts/test_layering.py -s`; raise it for a file only with a reason below.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("config", "console", "executions", "agents", "teams")

MODULE_LINES = 400
FUNCTION_LINES = 50

LONGER: dict[str, str] = {}
"""`path` or `path:function` of what may be longer, with the reason."""

FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "misc.py", "signals.py"}


def _modules() -> Iterator[Path]:
    for folder in (*APPS, "tests"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _product() -> Iterator[Path]:
    return (path for path in _modules() if not _name(path).startswith("tests/") and "migrations" not in path.parts)


def module_sizes() -> dict[str, int]:
    """Lines of each module, tests included."""
    return {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}


def function_sizes() -> dict[str, int]:
    """Lines of each function of the product, its decorators left out."""
    return {
        f"{_name(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in _product()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _beyond(sizes: dict[str, int], most: int) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size > most and name not in LONGER}


def _print(title: str, sizes: dict[str, int]) -> None:
    longest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    sys.stdout.write(f"\n{title}\n" + "".join(f"  {size:4}  {name}\n" for name, size in longest))


def test_modules_stay_within_the_budget():
    sizes = {name: size for name, size in module_sizes().items() if "/migrations/" not in name}
    _print(f"longest modules (budget {MODULE_LINES})", sizes)
    assert _beyond(sizes, MODULE_LINES) == {}


def test_functions_stay_within_the_budget():
    sizes = function_sizes()
    _print(f"longest functions (budget {FUNCTION_LINES})", sizes)
    assert _beyond(sizes, FUNCTION_LINES) == {}


def test_no_reason_is_left_for_what_is_short_again():
    sizes = {**module_sizes(), **function_sizes()}
    assert set(LONGER) <= {name for name, size in sizes.items() if size > FUNCTION_LINES}


def test_no_drawer_for_everything():
    assert [_name(path) for path in _product() if path.name in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("app", APPS)
def test_an_app_imports_only_what_lies_below_it(app):
    """The same rule as import-linter's, told here by file and line."""
    above = APPS[: APPS.index(app)]
    wrong = [
        f"{_name(path)}:{node.lineno} imports {name}"
        for path in _product()
        if _name(path).startswith(f"{app}/")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.partition(".")[0] in above
    ]
    assert wrong == []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


def test_import_linter_agrees():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_inside_a_function_hides_a_cycle():
    """A local import is for what is heavy and rarely needed, never for an app of our own."""
    hidden = [
        f"{_name(path)}:{inner.lineno}"
        for path in _product()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if any(name.partition(".")[0] in APPS for name in _imported(inner))
    ]
    assert [place for place in hidden if place.partition(":")[0] not in LOCAL_IMPORTS] == []


LOCAL_IMPORTS = {
    "agents/llm.py": "needs Django's models, which scripts with a provider of their own do without",
    "agents/apps.py": "Django loads checks once all apps are there",
    "executions/apps.py": "Django loads checks once all apps are there",
    "teams/apps.py": "Django loads checks and authentication schemes once all apps are there",
}
"""Where an import inside a function is right, with the reason."""
