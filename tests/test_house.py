"""The house's budgets: small modules, short functions, no cycles, few names, a test beside each.

Sizes are counted on `src/toolgate` as it is written: a function's length is its lines from `def`
to its end, decorators apart.
"""

import ast
import statistics
import types
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import toolgate

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
MODULES = {path: ast.parse(path.read_text("utf-8")) for path in (SOURCE / "toolgate").rglob("*.py")}
FLOORS = ("core", "dialects", "wire", "pipeline", "engines", "apps", "integrations")
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc", "types", "base", "shared"}
ROOT_ENTRIES = {
    *("README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml", "uv.lock"),
    *("src", "tests", "docs", "benchmarks", "training", ".ci", ".gitignore", ".git"),
}


def function_lengths() -> dict[str, int]:
    return {
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }


def dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {dotted(path) for path in MODULES}


def imported_modules(path: Path, tree: ast.AST) -> Iterator[str]:
    """Every module that an import statement means; those under TYPE_CHECKING too."""
    package = dotted(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*start, *([node.module] if node.module else [])])
            inner = {f"{origin}.{alias.name}" for alias in node.names}
            yield from inner & NAMES or {origin}


def test_no_module_is_longer_than_400_lines():
    lengths = {dotted(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_function_is_longer_than_60_lines():
    assert {name: length for name, length in function_lengths().items() if length > 60} == {}


def test_most_functions_are_short():
    lengths = sorted(function_lengths().values())
    assert statistics.median(lengths) <= 10
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 40


def test_no_import_cycles():
    graph = {
        dotted(path): (NAMES & set(imported_modules(path, tree))) - {dotted(path)}
        for path, tree in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" → ".join(error.args[1])) from None


def test_public_names_are_few_and_listed():
    public = {
        name
        for name, value in vars(toolgate).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert {name for name in toolgate.__all__ if not name.startswith("_")} == public
    assert len(toolgate.__all__) <= 20


def test_no_file_is_a_grab_bag():
    assert [path for path in MODULES if path.stem.strip("_") in GRAB_BAGS] == []


def test_every_module_says_what_it_does():
    assert [dotted(path) for path, tree in MODULES.items() if not ast.get_docstring(tree)] == []


def test_every_module_has_its_test_file():
    missing = [
        f"tests/{mirror}"
        for path in MODULES
        if path.stem != "__init__"
        and (inner := path.relative_to(SOURCE / "toolgate")).parts[0] in FLOORS
        and not (
            ROOT / "tests" / (mirror := inner.with_stem(f"test_{path.stem.strip('_')}"))
        ).exists()
    ]
    assert missing == []


def test_the_root_stays_small():
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    entries = {path.name for path in ROOT.iterdir()}
    dropped = {name for name in entries if any(Path(name).match(i.rstrip("/")) for i in ignored)}
    assert entries - dropped - ROOT_ENTRIES == set()
