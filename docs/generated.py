"""Tables of the reference pages, printed from the code so that they cannot drift."""

import inspect
import re
from pathlib import Path

from imicore.datamatrix import symbol_sizes
from pipeline.pieces import Reason
from postage import envelope
from postage.indicium import describe
from postage.layouts import PROFILES
from postage.rates import RateBook

ROOT = Path(__file__).parent.parent


def write(folder: Path) -> None:
    """Write every table into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "targets": targets(),
        "sizes": sizes(),
        "profiles": profiles(),
        "messages": messages(),
        "editions": editions(),
        "reasons": "".join(f"- `{reason.value}`\n" for reason in Reason),
    }.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")


def targets() -> str:
    """Return the make targets with their one-line meaning."""
    found = re.findall(r"^([a-z]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return table(("target", "what it does"), [(f"`make {name}`", what) for name, what in found])


def sizes() -> str:
    """Return the 48 symbol sizes."""
    return table(
        ("modules", "data", "error", "blocks", "regions"),
        [
            (
                f"{size.rows}x{size.columns}{' DMRE' if size.dmre else ''}",
                size.data_codewords,
                size.error_codewords,
                size.blocks,
                f"{size.regions_down}x{size.regions_across}",
            )
            for size in symbol_sizes()
        ],
    )


def profiles() -> str:
    """Return the field table of every profile."""
    return "\n\n".join(f"### {name}\n\n{describe(name)}" for name in PROFILES)


def messages() -> str:
    """Return the field table of every message, and what it says."""
    return "\n\n".join(
        f"### {cls.__name__}\n\n{inspect.getdoc(cls)}\n\n{envelope.describe(cls)}"
        for cls in envelope.MESSAGES
    )


def editions() -> str:
    """Return the editions in the rate book."""
    return table(
        ("edition", "until", "amounts", "not known of", "source"),
        [
            (
                *(f"`{edition.name}`", edition.until or "replaced"),
                sum(map(len, edition.prices.values())),
                ", ".join(edition.missing).replace("_", " "),
                edition.source,
            )
            for edition in RateBook.load().editions
        ],
    )


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)
