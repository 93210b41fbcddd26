"""Documents that cannot lie: their code runs, their names exist."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imi.cli import app
from imicore.frames import load
from imicore.reader import read
from postage.indicium import unpack

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def recipes() -> list[tuple[str, str]]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [(page.name, code) for page in pages for code in FENCE.findall(page.read_text())]


@pytest.mark.parametrize(("page", "code"), recipes())
def test_recipes_run_as_they_stand(page: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, page, "exec"), {})


def test_the_picture_in_the_readme_reads() -> None:
    (reading,) = read(load(ROOT / "docs" / "images" / "mailpiece.png"))
    assert unpack(reading.payload).vendor_model == "TST0"


def test_every_command_has_help_with_an_example_and_its_exit_codes() -> None:
    runner = CliRunner()
    commands = ["run", "encode", "read", "grade", "bench", "samples make"]
    commands += ["rate piece", "rate compare", "rate editions", "rate import", "verify"]
    commands += ["sorter lane", "sorter report", "sorter stoplist", "sorter merge"]
    commands += ["sorter archive"]
    commands += [f"sorter register {name}" for name in ("make", "show", "check")]
    listed = runner.invoke(app, ["--help"]).output
    for command in commands:
        assert command.split()[0] in listed
        text = runner.invoke(app, [*command.split(), "--help"]).output
        assert f"Example: imi {command}" in text.replace("\n", " ")
        assert "Exit code" in text.replace("\n", " ")
        assert "--json" in text


def test_make_targets_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for pair in re.findall(r"`make ([a-z]+)`|```sh\nmake ([a-z]+)", page.read_text()):
            name = pair[0] or pair[1]
            assert name in targets, f"{page.name}: make {name}"


def test_files_that_the_architecture_page_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for name in re.findall(
        r"`((?:csrc|imicore|postage|pipeline|sorter|service|imi|tests|bench|fuzz)/[\w./*]+)`", text
    ):
        assert list(ROOT.glob(name.rstrip("/"))), name
