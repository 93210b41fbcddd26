"""A life of an outbox, to be killed: 300 short pieces in batches of 10, each said when put.

Run as `python -m tests.sorter.kill_outbox FILE`.
"""

import sys
from pathlib import Path

from imicore.eckeys import PrivateKey
from imicore.signature import Signer
from sorter.outbox import Outbox
from tests.sorter.mail import facts
from tests.sorter.shortmail import short


def main() -> None:
    """Put every piece, as a sorter that starts again does."""
    box = Outbox.embedded(Path(sys.argv[1]), Signer(PrivateKey.from_scalar(77)).sign)
    for start in range(0, 300, 10):
        numbers = range(start, start + 10)
        box.put_many(
            [(facts(scanned_us=number, piece_id=f"p{number}"), short()) for number in numbers]
        )
        print(start + 10, flush=True)


if __name__ == "__main__":
    main()
