"""docs/cli.md is what the table of commands says; `make goldens` writes it anew."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from toolgate.apps.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """\
# Command line

Every command and its options, as `--help` tells them. Where a default is said after a semicolon, it
is what holds if neither the option, nor [its variable](configuration.md), nor a file says anything.
A status of 1 means that it failed, of 2 that it was asked the wrong way.
"""


def commands(command: Any, name: str = "toolgate") -> Iterator[tuple[str, Any]]:
    """(name, command) of every command that does something."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for word, one in sorted(inner.items()):
        yield from commands(one, f"{name} {word}")


def section(name: str, command: Any) -> str:
    """One command: how it is called, what it does, its options."""
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = "".join(row(one, context) for one in command.params if one.name != "help")
    table = f"\n| option | what it sets | default |\n|---|---|---|\n{rows}" if rows else ""
    return f"\n## {name}\n\n```\n{name} {usage}\n```\n\n{prose(command.help)}\n{table}"


def prose(told: str) -> str:
    """Its paragraphs; one of commands is a block of code."""
    paragraphs = [part.strip("\b\n").splitlines() for part in told.strip().split("\n\n")]
    return "\n\n".join(
        "\n".join(["```sh", *lines, "```"])
        if all(line.startswith("toolgate ") for line in lines)
        else plain(" ".join(lines))
        for lines in paragraphs
    )


def plain(told: str) -> str:
    """As Markdown shows it: what would be taken for a tag, and options, are code."""
    unescaped = told.replace("\\[", "[")  # rich's own escape
    return re.sub(r"(TOOLGATE_<NAME>|(?<![`\w])--[a-z-]+)", r"`\1`", unescaped)


def row(one: Any, context: Any) -> str:
    """An option or an argument."""
    hint = one.make_metavar(context)
    if one.param_type_name == "argument":
        name = f"`{hint}`"
    else:
        spelled = ", ".join(f"`{text}`" for text in (*one.opts, *one.secondary_opts))
        name = spelled if one.is_flag else f"{spelled} `{hint}`"
    told = plain(one.help or "") + (f" Variable: `{one.envvar}`." if one.envvar else "")
    default = "" if one.default in (None, False, (), "") or one.required else f"`{one.default}`"
    return f"| {cell(name)} | {cell(told)} | {cell(default)} |\n"


def cell(text: str) -> str:
    """Code with a `|` as HTML: GitHub and the site read its Markdown differently."""
    return re.sub(
        r"`([^`]*\|[^`]*)`", lambda found: f"<code>{html.escape(found[1])}</code>", text
    ).replace("|", "&#124;")


def test_the_page_is_generated(update_goldens: bool):
    fresh = HEAD + "".join(section(*one) for one in commands(get_command(app)))
    if update_goldens:
        PAGE.write_text(fresh, "utf-8")
    assert PAGE.read_text("utf-8") == fresh


def test_every_command_is_there():
    titles = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {"toolgate serve", "toolgate trace list", "toolgate config check"} <= {*titles}
    assert titles == sorted(titles)
