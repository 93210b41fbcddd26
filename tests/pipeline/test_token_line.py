"""The line on a meter whose key is in a token: unplugged in the middle, full, the wrong PIN.

SoftHSM2, a real PKCS#11 library; what the token refuses stops the line before anything is printed.
"""

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi import tokenstore
from imi.cli import app
from imi.world import World
from tests.imicore.softhsm import PIN, Tokens, place, softhsm_library

JOB = """
name = "token"
date = 2026-07-13
meter = {{ token = {{ library = "{library}", serial = "{serial}" }} }}
[[department]]
id = 1
name = "one"
[[batch]]
name = "letters"
count = 6
department = 1
size = "number10"
ounces = [0.3, 0.9]
"""
AS_IF_PULLED = 3  # pieces that are printed before


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    library = softhsm_library()
    monkeypatch.setenv("SOFTHSM2_CONF", "")  # given back after the test
    monkeypatch.setenv(tokenstore.PIN_VARIABLE, PIN)
    yield place(tmp_path / "hsm", library)
    end_process()


def end_process() -> None:
    """Log out, as the end of the process does."""
    for store in tokenstore._OPEN.values():
        store.close()
    tokenstore._OPEN.clear()


@pytest.fixture
def job(home: Tokens, tmp_path: Path) -> Path:
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(library=home.library, serial=home.make()))
    return path


def run(job: Path, *more: str) -> Result:
    end_process()
    out = str(job.parent / "out")
    return CliRunner().invoke(
        app, ["run", str(job), "--out", out, "--pictures", "0", "--json", *more]
    )


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the tokens of release that the head has seen, as they come."""
    seen: list[int] = []
    fire = World.fire

    def seeing(world: World, *given: object) -> object:
        seen.append(given[0].number)  # type: ignore[attr-defined]
        return fire(world, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(World, "fire", seeing)
    return seen


def test_a_run_on_a_token_signs_every_piece_with_it(job: Path) -> None:
    done = run(job)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["pieces"]["printed_and_reread"], summary["pieces"]["mismatches"]) == (6, 0)
    assert summary["journal"]["signatures_valid"] == 6
    assert not (job.parent / "out" / "meter" / "keys").exists(), "no key in a file"


def test_unplugged_in_the_middle_of_a_run_through_the_line(
    job: Path, home: Tokens, fired: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = World.feed

    def pulling(world: World) -> object:
        if len(fired) == AS_IF_PULLED and home.folder.exists():
            home.unplug()
        return feed(world)

    monkeypatch.setattr(World, "feed", pulling)
    stopped = run(job)
    assert stopped.exit_code == 1
    summary = json.loads(stopped.stdout)
    assert fired == [1, 2, 3], "nothing is printed without a debit"
    assert summary["pieces"]["diverted"] == {"no_key": 1}
    assert summary["journal"]["debits"] == 3
    assert summary["journal"]["faults"] == []
    assert summary["stopped"].startswith("piece 4 was not paid and not printed: signing: token")
    assert "Plug the token in" in summary["stopped"]

    monkeypatch.setattr(World, "feed", feed)
    absent = run(job)
    assert absent.exit_code == 2
    assert "no token answers" in absent.stderr
    assert "Plug the token in" in absent.stderr

    home.plug()
    done = run(job)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["pieces"]["first"], summary["pieces"]["printed_and_reread"]) == (5, 2)
    assert summary["open_pieces"] == [], "the list knew what became of piece 3"
    meter = summary["meter"]
    assert (meter["ascending"], meter["piece_count"], meter["state"]) == ("$3.90", 5, "READY")
    assert meter["balanced"]
    assert fired == [1, 2, 3, 1, 2], "a release counts anew in each boot"


def test_a_wrong_pin_is_tried_once_and_named(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tokenstore.PIN_VARIABLE, "000000")
    refused = run(job)
    assert refused.exit_code == 2
    assert "refused the PIN" in refused.stderr
    assert "Enter the PIN again with care" in refused.stderr
    assert not (job.parent / "out" / "meter" / "journal").exists()
    monkeypatch.setenv(tokenstore.PIN_VARIABLE, PIN)
    assert run(job, "--pieces", "1").exit_code == 0


def test_without_a_pin_no_token_is_asked(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tokenstore.PIN_VARIABLE)
    refused = run(job)
    assert refused.exit_code == 2
    assert "keeps the meter's key: set IMI_TOKEN_PIN" in refused.stderr


def test_a_full_token_makes_no_meter(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the token end at 500 bytes while it makes the key; a key has 350 to 770."""
    from imicore.tokens import TokenKeyStore

    generate = TokenKeyStore._generate
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(store: TokenKeyStore, *given: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
        try:
            generate(store, *given)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    with monkeypatch.context() as disk:
        disk.setattr(TokenKeyStore, "_generate", full)
        refused = run(job)
    assert refused.exit_code == 2
    assert "the token did not keep key 'TST0-00000001'" in refused.stderr
    assert "Destroy keys that nobody needs" in refused.stderr
    assert not (job.parent / "out" / "meter" / "journal").exists()
    assert run(job, "--pieces", "1").exit_code == 0, "there is room again"


def test_status_and_reports_of_such_a_meter_take_the_token_too(job: Path, home: Tokens) -> None:
    assert run(job, "--pieces", "1").exit_code == 0
    out = str(job.parent / "out")
    at = ("--at", "2026-07-13T18:00", "--json")
    shown = CliRunner().invoke(app, ["meter", "status", out, *at])
    assert json.loads(shown.stdout)["pieces"] == 1
    assert CliRunner().invoke(app, ["meter", "report", "tape", out]).exit_code == 0
    home.unplug()
    refused = CliRunner().invoke(app, ["meter", "zeroise", out, "--yes", *at])
    assert refused.exit_code == 2
    assert "is gone" in refused.stderr
    home.plug()
    end_process()
    gone = CliRunner().invoke(app, ["meter", "zeroise", out, "--yes", *at])
    assert gone.exit_code == 0, gone.output
    shown = CliRunner().invoke(app, ["meter", "status", out, *at])
    assert json.loads(shown.stdout)["state"] == "TAMPERED"
