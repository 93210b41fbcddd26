"""The meter at 310 letters a minute on the real disk, with three real syncs a piece; not for CI.

`python -m tests.reliability.soak --minutes 10` prints the distribution and fails if a piece was
late. A piece is late if its evidence comes after the next one is due: 60 s / 310. Registers must be
exact at the end, on the running device and after it is opened again. The key is a true one, P-256.
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from zoneinfo import ZoneInfo

from imicore.keys import SoftwareKeyStore
from imicore.signature import Check, Verifier
from pipeline.disk import RealDisk
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.psdclock import Instant
from pipeline.setup import Setup
from pipeline.state import Outcome
from postage.money import Money
from tests.pipeline.device import letter, new_device, setup

LETTERS_A_MINUTE = 310
FUNDS = 10_000_000  # mills


def clock() -> Instant:
    """Return the machine's time."""
    return Instant(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


def device(keys: Path) -> Setup:
    """Return the setup of a device as the product sets it up, with a key of its own."""
    store = SoftwareKeyStore(keys, bytes(32))
    signer = store.create("soak") if not any(keys.iterdir()) else store.open("soak")
    verifier, public_key = Verifier(), signer.public_key
    return setup(
        clock=clock,
        zone=ZoneInfo("UTC"),
        sign=signer.sign,
        check=lambda m, s: verifier.verify(m, s, public_key) is Check.VALID,
        journal_key=store.journal_key("soak"),
        segment_records=4_096,
        pair_check_every=256,
    )


def run(folder: Path, minutes: float, letters_a_minute: float) -> dict[str, object]:
    """Return the figures of so many minutes at a steady pace."""
    (folder / "keys").mkdir()
    told = device(folder / "keys")
    psd = new_device(RealDisk(folder / "meter"), **told)
    for request in range(1, 6):
        psd.refill(Money(FUNDS // 5), request)
    pitch = 60 / letters_a_minute
    count = round(minutes * letters_a_minute)
    took, late, charged = [], 0, 0
    started = time.monotonic()
    for piece in range(count):
        due = started + piece * pitch
        time.sleep(max(0.0, due - time.monotonic()))
        amount = 540 + piece % 700
        begun = time.monotonic()
        evidence = psd.imprint(letter(amount, datetime.now(UTC).date()))
        done = time.monotonic()
        assert isinstance(evidence, Evidence), evidence
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
        took.append(1000 * (done - begun))
        late += done > due + pitch
        charged += amount
    seconds = time.monotonic() - started
    expected = (charged, FUNDS - charged, count)
    running = _registers(psd)
    psd.close()
    psd = Psd.open(RealDisk(folder / "meter"), **told)
    again = _registers(psd)
    psd.close()
    cuts = quantiles(took, n=1000)
    return {
        "imprints": count,
        "a_minute": round(60 * count / seconds, 1),
        "late": late,
        "registers_exact": running == again == expected,
        "ms": {
            "median": round(cuts[499], 2),
            "p90": round(cuts[899], 2),
            "p99": round(cuts[989], 2),
            "p99.9": round(cuts[998], 2),
            "worst": round(max(took), 2),
        },
    }


def _registers(psd: Psd) -> tuple[int, int, int]:
    registers = psd.registers
    return registers.ascending.mills, registers.descending.mills, registers.piece_count


def main() -> None:
    parser = argparse.ArgumentParser(description="run the meter at the pace of a mailing machine")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pace", type=float, default=LETTERS_A_MINUTE, help="letters a minute")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; a new one there")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=told.folder) as name:
        figures = run(Path(name), told.minutes, told.pace)
    print(json.dumps(figures, indent=1))
    sys.exit(bool(figures["late"]) or not figures["registers_exact"])


if __name__ == "__main__":
    main()
