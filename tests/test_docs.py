"""The documentation says what is: links resolve, examples import, `make` targets exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in PAGES}
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")
BLOCKS = [(page, *match.groups()) for page, text in TEXTS.items() for match in BLOCK.finditer(text)]
EXAMPLES = [(page, code) for page, language, code in BLOCKS if language == "python"]


def anchors(text: str) -> set[str]:
    """The names GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ +(.+?) *$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS)
def test_links_resolve(page):
    broken = []
    for target, anchor in LINK.findall(BLOCK.sub("", TEXTS[page])):
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or (
            anchor and path.suffix == ".md" and anchor[1:] not in anchors(path.read_text("utf-8"))
        ):
            broken.append(target + anchor)
    assert broken == []


@pytest.mark.parametrize(("page", "code"), EXAMPLES)
def test_python_examples_compile_and_their_imports_exist(page, code):
    tree = ast.parse(code)
    imports: list[ast.stmt] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    exec(compile(ast.Module(imports, []), page, "exec"), {})


@pytest.mark.parametrize("page", TEXTS)
def test_make_targets_that_are_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z][a-z-]*)", TEXTS[page], re.MULTILINE))
    assert named - targets == set()
