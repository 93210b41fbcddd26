"""The examples of docs/sorter.md are built and run, and its tables are those of the code."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imi.mailpictures.samples import indicium_imprint
from imi.mailpictures.scene import mail_picture
from imicore import datamatrix
from imicore.frames import Grey, save
from postage.verdicts import Code
from sorter.outbox import Outbox
from sorter.ring import Ring
from tests.imicore.c_programs import ROOT, STRICT, compiled, pgm
from tests.sorter.daemons import WAIT_S
from tests.sorter.mail import LETTER, METER, register
from tests.sorter.serving import AUTHORITY, AUTHORITY_ID, Served, register_folder

GUIDE = (ROOT / "docs" / "sorter.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "samples" / "integration"
FACTS = [f"{name}={getattr(LETTER, name)}" for name in (
    "length_thou", "height_thou", "thickness_thou", "weight_milliounces")] + [
    "scanned_on=2026-07-13"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register with its authority's key."""
    return register_folder(tmp_path_factory.mktemp("sorter"))


def picture(payload: bytes) -> Grey:
    symbol = datamatrix.encode(payload, encodation="base256")
    imprint, at_in = indicium_imprint(symbol.modules, ["US POSTAGE"], (9.5, 4.125))
    return mail_picture(imprint, rng=np.random.default_rng(8), at_in=at_in).frame


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    one = Served(folder, "--deadline-ms", "30000", "--ring", str(folder / "ring"))
    try:
        one.said("ready on")
        yield one
        assert one.stop() == (0, "")
    finally:
        one.process.kill()
        one.process.communicate()


def run(program: Path, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(program), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_c_example_reads_a_picture_and_has_its_verdict(
    served: Served, folder: Path, tmp_path: Path
) -> None:
    program = compiled(SAMPLES / "verdict.c", tmp_path / "verdict", *STRICT)
    (tmp_path / "one.pgm").write_bytes(b"P5 1900 825 255\n" + picture(METER.indicium(1)).tobytes())
    (tmp_path / "blank.pgm").write_bytes(b"P5 99 99 255\n" + bytes(99 * 99))
    (tmp_path / "none.pgm").write_bytes(pgm(np.zeros((9, 9), np.uint8))[:30])
    status, said = run(program, served.socket, "A-1", tmp_path / "one.pgm", *FACTS)
    assert re.fullmatch(r"R,A-1,16,VALID,780,780,0,,[0-9.]+,production\n", said), said
    assert status == 0
    status, said = run(program, served.socket, "A-2", tmp_path / "one.pgm", *FACTS)
    assert (status, said[:26]) == (1, "R,A-2,8,DUPLICATE,780,0,-7")
    status, said = run(program, served.socket, "A-3", tmp_path / "blank.pgm", *FACTS)
    assert (status, said[:19]) == (1, "R,A-3,2,UNREADABLE,")
    status, said = run(program, served.socket, "A-4", tmp_path / "one.pgm", "colour=red")
    assert (status, said) == (2, "E,A-4,FACTS,facts have no colour\n")
    assert run(program, served.socket, "A-5", tmp_path / "none.pgm") == (2, "no PGM\n")
    assert run(program, tmp_path / "nobody", "A-6", tmp_path / "one.pgm")[0] == 2


def test_the_python_example_judges_pictures(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "one.png", picture(METER.indicium(1)))
    save(tmp_path / "two.png", picture(METER.indicium(2, mills=490)))
    (tmp_path / "three.png").write_bytes(b"no picture")
    command = [sys.executable, str(SAMPLES / "verdict.py"), str(folder), "2026-07-13"]
    done = subprocess.run(
        [*command, *(str(tmp_path / f"{name}.png") for name in ("one", "two", "three"))],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 1
    one, two, three = done.stdout.splitlines()
    assert one.startswith("one.png REHEARSAL VALID")
    assert two.startswith("two.png REHEARSAL SHORTPAID: less than is due: $0.49 of $0.78")
    assert three.startswith("three.png REHEARSAL UNREADABLE")


def test_a_frame_in_shared_memory_and_a_newer_register(served: Served, folder: Path) -> None:
    with Ring.attach(folder / "ring") as ring:
        ring.write(0, 1, picture(METER.indicium(50)))
        assert ask(served, b"T,B-1,slot=0:1,scanned_on=2026-07-13")[:4] == [
            "R",
            "B-1",
            "16",
            "VALID",
        ]
    newer = replace(register(number=2), devices=())
    (folder / "register").write_bytes(newer.to_bytes(AUTHORITY.sign, AUTHORITY_ID))
    served.process.send_signal(signal.SIGHUP)
    served.said("register USPS test 2 is in force")
    unknown = b"T,B-2,payload=" + METER.indicium(51).hex().encode()
    assert ask(served, unknown)[3] == "NOT_VERIFIABLE"


def test_what_providers_must_hear_of_is_kept_before_the_answer(tmp_path: Path) -> None:
    """--outbox: a short piece is answered, and then its message is in the outbox, once."""
    folder, box = register_folder(tmp_path), tmp_path / "onward" / "outbox.db"
    box.parent.mkdir()
    served = Served(folder, "--outbox", str(box))
    served.said("ready on")
    sizes = b"length_thou=9500,height_thou=4125,thickness_thou=20,weight_milliounces=2000"
    sizes += b",scanned_on=2026-07-13"
    for number in (61, 62, 61):
        payload = METER.indicium(number).hex().encode()
        line = b"T,C-%d,payload=%b,%b" % (number, payload, sizes)
        assert ask(served, line)[3] == "SHORTPAID"
    assert served.stop()[0] == 0
    opened = Outbox.embedded(box, bytes)
    assert [one.message.reckoning.adjust.mills for one in opened.kept()] == [290, 290]
    opened.close()


def ask(served: Served, line: bytes) -> list[str]:
    with served.connect() as client:
        client.sendall(line + b"\r\n")
        with client.makefile("rb") as answers:
            return answers.readline().decode().split(",")


def test_what_cannot_begin_says_why(folder: Path, tmp_path: Path) -> None:
    def failure(*more: str) -> tuple[int, str]:
        one = Served(folder, *more)
        _, errors = one.process.communicate(timeout=WAIT_S)
        return one.process.returncode, errors.splitlines()[-1]

    assert failure("--timezone", "Mars") == (1, "sorter: 'No time zone found with key Mars'")
    status, said = failure("--authority", str(tmp_path / "none"))
    assert (status, "No such file" in said) == (1, True)
    status, said = failure("--register", str(tmp_path / "none"))
    assert (status, "No such file" in said) == (1, True)
    assert failure("--threads", "0")[1] == "sorter: a lane's threads is 0; it may be 1 to 64"


@pytest.mark.parametrize("name", ["verdict.c", "verdict.py"])
def test_the_examples_are_short_and_in_the_guide(name: str) -> None:
    assert len((SAMPLES / name).read_text().splitlines()) <= 60
    assert f"../samples/integration/{name}" in GUIDE


def test_the_guide_has_every_code_with_its_number() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", GUIDE, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [
        (code.number, code.value) for code in Code
    ]


def test_the_guide_has_every_word_of_refusal() -> None:
    text = "".join((ROOT / "sorter" / name).read_text() for name in ("daemon.py", "protocol.py"))
    words = set(re.findall(r'RequestError\(\s*"([A-Z_]+)"', text))
    assert words == set(re.findall(r"^`([A-Z_]+)`$", GUIDE, re.MULTILINE))
