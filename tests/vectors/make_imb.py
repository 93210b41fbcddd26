"""Write imb.csv: 400 Intelligent Mail barcodes that two independent encoders agree on.

Run as ``python -m tests.vectors.make_imb`` from the repository's root; needs zint-bindings. The
digits come from a fixed seed and from the ends of every range; a disagreement stops the script.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from random import Random

import zint

from imicore.imb import encode

TABLE = Path(__file__).parent / "imb.csv"
ROUTING_LENGTHS = (0, 5, 9, 11)


def digits() -> Iterator[tuple[str, str]]:
    """Yield tracking and routing: ends of ranges, then 384 draws, 96 of each routing length."""
    for tracking in ("0" * 20, "94" + "9" * 18, "00" + "9" * 18, "04" + "0" * 18):
        for length in ROUTING_LENGTHS:
            yield tracking, ("0" if tracking[1] == "0" else "9") * length
    source = Random(20260712)
    for number in range(384):
        length = ROUTING_LENGTHS[number % 4]
        tracking = f"{source.randrange(10)}{source.randrange(5)}{source.randrange(10**18):018d}"
        yield tracking, f"{source.randrange(10**length):0{length}d}" if length else ""


def zint_bars(tracking: str, routing: str) -> str:
    """Return the bars that zint draws, read back from its rectangles."""
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.USPS_IMAIL
    symbol.encode(f"{tracking}-{routing}" if routing else tracking)
    symbol.buffer_vector()
    vector = symbol.vector
    ends: dict[float, tuple[float, float]] = {}
    for part in vector.rectangles:
        top, bottom = ends.get(part.x, (vector.height, 0.0))
        ends[part.x] = min(top, part.y), max(bottom, part.y + part.height)
    return "".join(
        {(True, True): "F", (True, False): "A", (False, True): "D", (False, False): "T"}[
            top == 0, bottom == vector.height
        ]
        for _, (top, bottom) in sorted(ends.items())
    )


def main() -> None:
    """Write the table, or stop at the first disagreement."""
    with TABLE.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["tracking", "routing", "bars"])
        for tracking, routing in digits():
            bars = encode(tracking, routing)
            if bars != zint_bars(tracking, routing):
                raise SystemExit(f"zint disagrees on {tracking} {routing}")
            table.writerow([tracking, routing, bars])


if __name__ == "__main__":
    main()
