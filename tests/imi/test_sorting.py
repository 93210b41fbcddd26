"""`imi verify` and `imi sorter` as their user types them, on the folder of a run."""

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from imicore import frames
from service.sql import embedded
from sorter.duplicates import DuplicateStore
from sorter.evidence import EvidenceFolder
from sorter.outbox import Outbox
from sorter.registerfiles import write_authority
from tests.sorter import archiving
from tests.sorter.scanning import scan

MORNING = "samples/jobs/morning.toml"
DAY = "2026-07-13"  # of the job
LETTER = ("--size", "9.5x4.125x0.02", "--weight", "1", "--date", DAY)


def imi(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two letters, and a register of its meter."""
    out = tmp_path_factory.mktemp("run")
    done = imi("run", MORNING, "--out", out / "run", "--pieces", "2", "--pictures", "2")
    assert done.exit_code == 0, done.output
    assert make(out).exit_code == 0
    return out


def make(folder: Path, *more: object) -> Result:
    where = ("--out", folder / "register.jsonl", "--keys", folder / "authority")
    return imi("sorter", "register", "make", folder / "run", *where, "--date", DAY, *more)


def trusted(folder: Path) -> tuple[object, ...]:
    authority = folder / "authority" / "authority.json"
    return ("--register", folder / "register.jsonl", "--authority", authority)


def verify(folder: Path, *more: object) -> tuple[int, list[dict]]:
    result = imi("verify", *trusted(folder), *more, "--json")
    assert result.exit_code in (0, 1), result.output
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def picture(folder: Path, number: int) -> Path:
    return folder / "run" / "pictures" / f"piece-{number:06d}.png"


def test_printed_letters_are_valid_in_a_rehearsal_alone(folder: Path) -> None:
    """design.md 6: a register lists a software meter as rehearsal; production says SPECIMEN."""
    letters = [picture(folder, 1), picture(folder, 2)]
    code, rows = verify(folder, *letters, *LETTER, "--mode", "rehearsal")
    assert (code, [row["code"] for row in rows]) == (0, ["VALID", "VALID"])
    assert all(row["rehearsal"] for row in rows)
    assert [row["due_mills"] for row in rows] == [780, 780]
    code, rows = verify(folder, *letters, *LETTER)
    assert (code, [row["code"] for row in rows]) == (1, ["SPECIMEN", "SPECIMEN"])
    assert not any(row["rehearsal"] for row in rows)


def test_what_is_wrong_is_told_kept_and_reported(folder: Path, tmp_path: Path) -> None:
    """Scenario 14 through the command: 2.0 oz showing 780, 290 short; and its evidence."""
    box, heavy = tmp_path / "box" / "outbox.db", (*LETTER[:2], "--weight", "2", "--date", DAY)
    kept = ("--mode", "rehearsal", "--outbox", box, "--out", tmp_path / "evidence")
    for _ in range(2):  # the same picture again is the same finding
        code, [row] = verify(folder, picture(folder, 1), *heavy, *kept)
        assert (code, row["code"], row["difference_mills"]) == (1, "SHORTPAID", -290)
        assert row["class_2011"] == "shortpaid"
        assert row["remedies"][0] == "adjust through the provider"
    crop = frames.load(Path(row["picture"]))
    assert 100 < min(crop.shape) < 400
    result = imi("sorter", "report", box, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["reconciles"]) == (0, True)
    [account] = told["accounts"]
    assert (account["provider"], account["device"]) == ("stand-in", "TST0-00001042")
    assert (account["pieces"], account["short_mills"], account["asked_mills"]) == (1, 290, 290)
    assert (account["rehearsal"], account["codes"]) == (1, {"SHORTPAID": 1})
    for name in ("pieces", "short_mills", "due_mills", "paid_mills"):
        assert told["total"][name] == account[name]
    before = imi("sorter", "report", box, "--until", "2026-07-12", "--json")
    assert json.loads(before.stdout)["accounts"] == []
    assert "the totals reconcile" in imi("sorter", "report", box).stdout
    opened = Outbox(embedded(box), bytes)
    [message] = [one.message for one in opened.kept()]
    opened.close()
    assert message.is_rehearsal
    assert message.proof.crop is not None
    evidence = EvidenceFolder(box.parent / "evidence")
    assert evidence.read(message.proof.crop) == Path(row["picture"]).read_bytes()


def test_payloads_in_hex_and_base64_are_pieces(folder: Path) -> None:
    raw = bytes.fromhex(json.loads(imi("read", picture(folder, 2), "--json").stdout)["payload"])
    forged = raw[:-1] + bytes([raw[-1] ^ 1])
    given = (raw.hex(), base64.b64encode(raw).decode(), forged.hex())
    code, rows = verify(folder, *given, *LETTER, "--mode", "rehearsal")
    assert (code, [row["code"] for row in rows]) == (1, ["VALID", "DUPLICATE", "COUNTERFEIT"])


def test_a_history_remembers_earlier_calls(folder: Path, tmp_path: Path) -> None:
    payload = json.loads(imi("read", picture(folder, 2), "--json").stdout)["payload"]
    kept = (*LETTER, "--mode", "rehearsal", "--history", tmp_path / "scans.db")
    assert [verify(folder, payload, *kept)[1][0]["code"] for _ in range(2)] == [
        "VALID",
        "DUPLICATE",
    ]


def test_a_register_is_made_anew_with_the_next_number(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        where = ("--out", tmp_path / "r.jsonl", "--keys", tmp_path / "keys", "--json")
        result = imi("sorter", "register", "make", folder / "run", *where, "--date", DAY)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["register"] == f"rehearsal authority {number}"


def check(folder: Path, register: Path, day: str = DAY) -> tuple[int, dict]:
    authority = folder / "authority" / "authority.json"
    result = imi(
        *("sorter", "register", "check", register, "--authority", authority, "--date", day),
        "--json",
    )
    return result.exit_code, json.loads(result.stdout)


def test_a_register_is_checked(folder: Path, tmp_path: Path) -> None:
    register = folder / "register.jsonl"
    code, told = check(folder, register)
    assert (code, told["good"], told["by mode"]) == (0, True, {"rehearsal": 1})
    code, told = check(folder, register, day="2030-01-01")
    assert (code, told["good"], told["stale"]) == (1, False, True)
    raw = register.read_bytes()
    forged = tmp_path / "forged.jsonl"
    forged.write_bytes(raw.replace(b"rehearsal", b"production"))
    code, told = check(folder, forged)
    assert (code, told["good"]) == (1, False)
    assert "signature is not that of key 'authority'" in told["why"]
    shown = imi("sorter", "register", "show", register, *trusted(folder)[2:], "--json")
    assert json.loads(shown.stdout)["listed"][0]["device"] == "TST0-00001042"
    assert (
        "TST0-00001042" in imi("sorter", "register", "show", register, *trusted(folder)[2:]).stdout
    )


def test_the_stop_list_is_told_with_the_register_s_words(folder: Path, tmp_path: Path) -> None:
    history = tmp_path / "scans.db"
    device = {"vendor_model": "TST0", "serial": 1042}
    store = DuplicateStore.at(history)
    store.check_many([scan(**device), scan(**device, piece_id="a copy", image_id="2")])
    store.close()
    result = imi("sorter", "stoplist", history)
    assert (result.exit_code, result.stdout) == (0, "no device has signed a count twice\n")
    store = DuplicateStore.at(history)
    store.check_many([scan(**device, digest=b"another.", site="DEN", piece_id="a clone")])
    store.close()
    result = imi("sorter", "stoplist", history, *trusted(folder), "--json")
    [row] = json.loads(result.stdout)["devices"]
    assert (result.exit_code, row["counts"], row["count"]) == (1, 1, 1)
    said = row["device"], row["provider"], row["status"]
    assert said == ("TST0-00001042", "stand-in", "active")
    assert (row["first"]["piece"], row["other"]["piece"]) == ("piece 1", "a clone")
    shown = imi("sorter", "stoplist", history)
    assert shown.exit_code == 1
    for words in ("TST0-00001042", "POSTAGE", "site DEN", "a clone"):
        assert words in shown.stdout


def test_the_scans_of_sites_are_merged(tmp_path: Path) -> None:
    histories = {site: tmp_path / f"{site}.db" for site in ("SFO", "DEN", "all")}
    for site, micros in (("SFO", 1), ("DEN", 2)):
        store = DuplicateStore.at(histories[site])
        taken = {"site": site, "scanned_us": micros, "image_id": site}
        store.check_many([scan(count=1, piece_id=site, **taken), scan(count=micros + 1, **taken)])
        store.close()
    everything = histories["all"]
    first = imi("sorter", "merge", everything, histories["DEN"], "--json")
    assert (first.exit_code, json.loads(first.stdout)) == (0, {"corrections": []})
    for arguments in ((histories["SFO"], histories["DEN"]), ("--all",)):
        result = imi("sorter", "merge", everything, *arguments, "--json")
        [row] = json.loads(result.stdout)["corrections"]
        assert (result.exit_code, row["count"], row["told"], row["now"]) == (
            1, 1, "FIRST", "DUPLICATE",
        )  # fmt: skip
        assert (row["scan"]["piece"], row["first"]["piece"]) == ("DEN", "SFO")
    shown = imi("sorter", "merge", everything, "--all")
    assert "FIRST -> DUPLICATE: 1" in shown.stdout
    again = imi("sorter", "merge", everything, histories["SFO"])
    assert (again.exit_code, again.stdout) == (0, "no piece would be told otherwise now\n")


def test_an_archive_is_judged_once_by_any_number_of_workers(tmp_path: Path) -> None:
    made = archiving.make(tmp_path / "scans", 300, seed=5, devices=3, shard=100)
    keys = tmp_path / "authority.json"
    write_authority(keys, {name: bytes.fromhex(key) for name, key in made.authority})
    trust = ("--register", made.register, "--authority", keys)
    told = []
    for workers in (1, 2):
        out = tmp_path / f"by {workers}"
        command = ("sorter", "archive", tmp_path / "scans", *trust, "--out", out, "--json")
        result = imi(*command, "--workers", str(workers))
        assert result.exit_code == 1, result.output
        found = json.loads(result.stdout)
        shards = sorted(Path(found["verdicts"]).iterdir())
        told.append((found["codes"], [shard.read_bytes() for shard in shards]))
        assert imi(*command).stdout == result.stdout  # nothing is left to do
    assert told[0] == told[1]
    codes, shards_told = told[0]
    assert sum(codes.values()) == 300
    assert {"VALID", "DUPLICATE", "COUNTERFEIT"} <= codes.keys()
    assert [len(each.splitlines()) for each in shards_told] == [100, 100, 100]
    shown = imi("sorter", "archive", tmp_path / "scans", *trust, "--out", tmp_path / "by 1")
    assert "300 pieces" in shown.stdout


def test_bad_usage_is_named(folder: Path, tmp_path: Path) -> None:
    letter, others = picture(folder, 1), tmp_path / "authority.json"
    others.write_text('{"authority": "00"}')
    here = trusted(folder)
    for arguments, words in (
        (("verify", letter), "Missing option"),
        (("verify", "nothing.png", *here), "'nothing.png' is no file, and no payload"),
        (("verify", letter, *here, "--weight", "2"), "a measured piece has --size"),
        (("verify", letter, *here, *LETTER, "--flag", "round"), "'round' is no flag of a piece"),
        (("verify", letter, *here, "--mode", "practice"), "practice"),
        (("verify", letter, *here, "--date", "tomorrow"), "tomorrow"),
        (("verify", letter, *here[:2], "--authority", others), "key 'authority' is no"),
        (("verify", letter, *here[:2], "--authority", tmp_path / "no"), "No such file"),
        (("verify", letter, "--register", letter, *here[2:]), "the last line of the register"),
        (("sorter", "report", tmp_path / "no.db"), "is no file"),
        (("sorter", "stoplist", tmp_path / "no.db"), "is no file of scans, nor the URL"),
        (("sorter", "stoplist", letter), "file is not a database"),
        (("sorter", "stoplist", "mysql://here/scans"), "mysql is not postgresql"),
        (("sorter", "merge", tmp_path / "a.db", tmp_path / "no.db"), "no.db is no file of scans"),
        (
            ("sorter", "archive", tmp_path / "no", *here, "--out", tmp_path / "out"),
            "is no file of scans, nor a folder",
        ),
        (("sorter", "merge", tmp_path / "a.db"), "say whose scans to take, or --all"),
        (("sorter", "lane", letter, *here, "--history", "mysql://h/s"), "mysql is not postgresql"),
        (("sorter", "stoplist", letter, *here[:2]), "--register needs --authority"),
        (("sorter", "register", "check", tmp_path / "no", *here[2:]), "is no file"),
        (
            ("sorter", "register", "make", tmp_path, "--out", tmp_path / "r", "--keys", tmp_path),
            "holds no meter",
        ),
    ):
        result = imi(*arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert words in result.output, arguments
