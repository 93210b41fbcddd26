"""`imi meter` as its user types it, on the folder of a run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from imicore import frames
from imicore.reader import read
from pipeline.integrity import FilesChanged
from postage.indicium import PayloadType, unpack

MORNING = "samples/jobs/morning.toml"
DAY = "2026-07-13"  # of the job
PIN = "271828"


def imi(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"IMI_PIN": PIN, "IMI_NEW_PIN": PIN})


def meter(what: str, folder: Path, *more: str, at: str = f"{DAY}T18:00") -> tuple[int, dict]:
    result = imi("meter", what, str(folder), *more, "--at", at, "--json")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    done = imi("run", MORNING, "--out", str(out), "--pieces", "2", "--pictures", "0")
    assert done.exit_code == 0, done.output
    return out


def test_status_writes_nothing_and_says_when_the_provider_must_be_met(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, told = meter("status", folder)
    assert (code, told["state"], told["pieces"]) == (0, "READY", 2)
    assert told["contact due"].startswith("2026-07-16 ")
    assert told["locked for want of contact"] is False
    code, told = meter("status", folder, at="2026-07-17T18:00")
    assert (code, told["state"]) == (1, "LOCKED_COMM")
    assert told["locked for want of contact"] is True
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_refill_needs_funds_and_then_is_in_the_registers(folder: Path) -> None:
    code, told = meter("refill", folder, "50")
    assert (code, told["outcome"], told["control total"]) == (1, "Declined", "$1000.00")
    code, told = meter("refill", folder, "50", "--deposit")
    assert (code, told["outcome"], told["control total"]) == (0, "Refilled", "$1050.00")


def test_why_the_provider_declined_is_in_words(folder: Path) -> None:
    _, told = meter("refill", folder, "7")
    assert told["reason"] == "the provider declined: no funds"
    _, told = meter("refill", folder, "100000", "--deposit")
    assert "$1.00 to $99999.99" in told["reason"]
    assert told["funds with the provider"] == "$0.00", "nothing is deposited for a refused amount"


def test_what_was_refused_stands_in_the_status(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert meter("order", copy, "suspend")[0] == 0
    code, told = meter("test", copy, "--out", str(tmp_path / "no.png"))
    assert (code, told["outcome"]) == (1, "Refused")
    _, told = meter("status", copy)
    assert "not in this state" in told["refused lately"][0]
    assert told["refused lately"][0].startswith(f"{DAY} 18:00")


def test_a_test_imprint_is_void_and_moves_no_register(folder: Path, tmp_path: Path) -> None:
    """domain.md 9a, 12: $00.00, VOID over the symbol, and the payload says TEST."""
    _, before = meter("status", folder)
    picture = tmp_path / "test.png"
    code, told = meter("test", folder, "--out", str(picture))
    assert (code, told["ascending"]) == (0, before["ascending"])
    [reading] = read(np.pad(frames.load(picture), 60, constant_values=255))
    assert reading.payload.hex() == told["payload"]
    assert unpack(reading.payload, profile="imi-std/p1").payload_type is PayloadType.TEST
    _, after = meter("status", folder)
    assert after["tests, redates"] == "1, 0"
    assert after["pieces"] == before["pieces"]


def test_a_suspended_meter_answers_and_prints_no_redate(folder: Path) -> None:
    code, told = meter("order", folder, "suspend")
    assert (code, told["state"], told["orders"]) == (0, "SUSPENDED", "SUSPEND")
    enrolled = imi("meter", "users", "enrol", str(folder), "1", "Ada", "--at", f"{DAY}T18:00")
    assert enrolled.exit_code == 0, enrolled.output
    code, told = meter("redate", folder, "12", "2026-07-20", "--user", "1")
    assert code == 1
    assert "suspended" in told["reason"]
    code, told = meter("order", folder, "resume")
    assert (code, told["state"]) == (0, "READY")
    code, told = meter("redate", folder, "12", "2026-07-20", "--user", "1")
    assert (code, told["for record"]) == (0, 12)


def test_once_there_are_users_a_refill_asks_who_it_is(folder: Path) -> None:
    refused = imi("meter", "refill", str(folder), "5", "--deposit", "--at", f"{DAY}T18:00")
    assert refused.exit_code == 1
    assert "the machine knows its users" in refused.stderr
    code, told = meter("refill", folder, "5", "--deposit", "--user", "1")
    assert (code, told["outcome"]) == (0, "Refilled")


def test_a_meter_that_failed_a_self_test_says_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)

    def changed(*given: object) -> None:
        raise FilesChanged("pipeline/psd.py is changed")

    monkeypatch.setattr("imi.meter.demand_files", changed)
    _, told = meter("status", copy)
    assert "pipeline/psd.py is changed" in told["self-tests"]
    refused = imi("meter", "contact", str(copy), "--at", f"{DAY}T18:00")
    assert refused.exit_code == 2
    assert "`imi meter selftest --reseal`, then `imi meter order INSPECTED`" in refused.stderr


def test_the_status_of_a_journal_that_proves_nothing_is_fault(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in copy.glob("meter/journal/?/*"):
        data = bytearray(path.read_bytes())
        data[3 * 512 + 100] ^= 1
        path.write_bytes(data)
    code, told = meter("status", copy)
    assert (code, told["state"]) == (1, "FAULT")
    assert "BOTH_COPIES_BAD" in told["why"]


def test_a_job_of_an_earlier_day_than_the_meter_was_used_is_named(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert meter("contact", copy, at="2026-07-20T12:00")[0] == 0
    refused = imi("run", MORNING, "--out", str(copy), "--pieces", "1", "--user", "1")
    assert refused.exit_code == 2
    assert "the meter was in use at 2026-07-20 12:00" in refused.stderr
    assert "give --fresh" in refused.stderr


def test_bad_usage_is_named(folder: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("status", str(tmp_path)), "holds no meter"),
        (("order", str(folder), "dance"), "'dance' is no order; "),
        (("refill", str(folder), "5.0001"), "5.0001"),
        (("status", str(folder), "--at", "noon"), "--at 'noon' is no moment such as 2026-07-14T"),
        (("zeroise", str(folder)), "say --yes"),
    ):
        result = imi("meter", *arguments)
        assert result.exit_code == 2
        assert words in result.output


def test_zeroised_keys_are_gone_and_the_registers_stay(tmp_path: Path) -> None:
    done = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "1", "--pictures", "0")
    assert done.exit_code == 0
    code, told = meter("zeroise", tmp_path, "--yes")
    assert (code, told["state"]) == (0, "TAMPERED")
    code, told = meter("status", tmp_path)
    assert (code, told["state"], told["pieces"]) == (1, "TAMPERED", 1)
    code, told = meter("contact", tmp_path)
    assert (code, told["outcome"]) == (1, "Refused")
    assert "the keys were destroyed" in told["reason"]


def test_the_key_has_the_name_that_the_records_give_the_device(folder: Path) -> None:
    """One device, one name: that of its DeviceRecord."""
    names = {path.name.split(".")[0] for path in (folder / "meter" / "keys").iterdir()}
    assert names == {"TST0-00001042"}
    assert (folder / "meter" / "secrets" / "TST0-00001042.journal").exists()


def test_another_first_supervisor_needs_the_providers_order(tmp_path: Path) -> None:
    """The order waits while no office is open, and opens one session when one is."""
    done = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "1", "--pictures", "0")
    assert done.exit_code == 0
    enrol = ("meter", "users", "enrol", str(tmp_path))
    at = ("--at", f"{DAY}T19:00")
    assert imi(*enrol, "4", "Ada", *at).exit_code == 0
    refused = imi(*enrol, "5", "Grace", *at)
    assert (refused.exit_code, "the provider alone" in refused.output) == (2, True)
    code, told = meter("order", tmp_path, "enrol", at=f"{DAY}T19:00")
    assert (code, "no office" in str(told)) == (1, True), told
    assert imi(*enrol, "5", "Grace", *at).exit_code == 0
    assert imi(*enrol, "5", "Grace", *at).exit_code == 2  # once
