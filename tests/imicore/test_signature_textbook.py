"""Our own signature vectors hold by the textbook; no kernel takes part."""

import json

from tests.oracles import ecdsa
from tests.vectors import make_signatures


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def test_own_vectors_are_what_the_script_makes() -> None:
    assert make_signatures.FILE.read_text(encoding="utf-8") == make_signatures.text()


def test_own_vectors_satisfy_the_textbook() -> None:
    """FIPS 186-5, 6.4.2, in plain integers says the same as the construction."""
    wrong = [
        row["why"]
        for row in json.loads(make_signatures.FILE.read_text(encoding="utf-8"))
        if ecdsa.check(*(unhex(row[part]) for part in ("message", "signature", "key")))
        != row["check"]
    ]
    assert wrong == []
