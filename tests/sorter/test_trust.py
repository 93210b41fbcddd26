"""Whom a verifier believes: one register at a time, and one switch between postage and practice."""

import ast
import inspect
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postage.devices import DeviceStatus, Mode
from postage.fields import Imprint
from postage.verdicts import Code
from sorter.errors import PolicyError
from sorter.policy import Policy
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.oracles.scan_history import ListedScans
from tests.sorter.mail import BOOK, METER, Device, facts, register, verifier

ROOT = Path(__file__).parent.parent.parent


class NoScans(ListedScans):
    """Every scan is the first, so that only the register decides."""

    def check_many(self, scans: Any) -> Any:
        """Return FIRST for each scan."""
        return [ListedScans().check_many([scan])[0] for scan in scans]


def test_a_register_is_replaced_while_eight_threads_verify() -> None:
    """Each verdict is by one register whole: its number in evidence and its device's status."""

    def numbered(number: int) -> Any:
        stolen = DeviceStatus.STOLEN if number % 2 else DeviceStatus.ACTIVE
        records = (METER.record(status=stolen), Device(8).record(status=stolen))
        return register(*records, number=number)

    trust = Trust(numbered(0))
    sorter = Verifier(trust, NoScans(), BOOK)
    pair = [METER.indicium(), Device(8).indicium()]
    about, failed, done = facts(), [], threading.Event()
    judged: list[int] = []

    def work() -> None:
        last = -1
        while not done.is_set():
            before = trust.register.number
            verdicts = sorter.verify_many([(payload, about) for payload in pair * 3])
            names = {verdict.evidence.register for verdict in verdicts}
            codes = {verdict.code for verdict in verdicts}
            [number] = [int(name.split()[-1]) for name in names]
            right = {Code.DECERTIFIED} if number % 2 else {Code.VALID}
            if codes != right or not max(last, before) <= number <= trust.register.number:
                failed.append((names, codes))
            last = number
            judged.append(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        trust.replace(numbered(number))
        threading.Event().wait(0.005)
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(judged) >= 60
    assert len(set(judged)) >= 5
    assert sorter.verify(pair[0], about).code is Code.DECERTIFIED


PRACTICE = [
    (METER.record(mode=Mode.REHEARSAL), METER.indicium()),
    (METER.record(mode=Mode.SPECIMEN), METER.indicium()),
    (METER.record(), METER.indicium(mills=0, rate_category=Imprint.TEST)),
    (Device(vendor="TST0").record(mode=Mode.REHEARSAL), Device(vendor="TST0").indicium()),
    (Device(vendor="TST0").record(mode=Mode.SPECIMEN), Device(vendor="TST0").indicium()),
    (METER.record(), Device(vendor="TST0").indicium()),
]


@given(
    st.builds(
        Policy,
        max_days_back=st.integers(0, 3_650),
        max_days_ahead=st.integers(0, 3_650),
        pixels_per_inch=st.floats(0, 10_000),
        edge_in=st.floats(0, 12),
        edge_tolerance_in=st.floats(0, 1),
        min_grade=st.floats(0, 4),
        min_reflectance_difference=st.floats(0, 1),
        crop_margin_modules=st.integers(0, 1_000),
    ),
    st.builds(
        facts,
        at_induction=st.booleans(),
        at_origin=st.booleans(),
        pass_number=st.integers(-3, 3),
        zone=st.none() | st.integers(-3, 12),
    ),
)
@settings(max_examples=40)
def test_no_policy_but_its_mode_turns_practice_into_postage(policy: Policy, about: Any) -> None:
    """design.md 6: production trusts production records only; no other switch exists."""
    for record, payload in PRACTICE:
        verdict = verifier(record, policy=policy).verify(payload, about)
        assert (verdict.code, verdict.is_rehearsal) == (Code.SPECIMEN, False)
        assert not verdict.paid


def test_the_verifier_takes_nothing_else_that_could_be_a_switch() -> None:
    """Every argument and policy is known here; a new one needs its case in the test above."""
    assert [*inspect.signature(Verifier.__init__).parameters] == [
        *("self", "trust", "duplicates", "rates", "policy", "calendar", "examiner", "eye"),
    ]
    assert {at.name for at in fields(Policy)} == {
        *("mode", "max_days_back", "max_days_ahead", "pixels_per_inch", "edge_in"),
        *("edge_tolerance_in", "min_grade", "min_reflectance_difference", "crop_margin_modules"),
    }


def test_no_mode_but_two() -> None:
    for mode in ("", "specimen", "test", "PRODUCTION", None, True):
        with pytest.raises(PolicyError):
            Policy(mode=mode)  # type: ignore[arg-type]


# Where the tree may speak of practice: module, and the function or class it stands in.
SPEAKS_OF_PRACTICE = {
    ("postage.devices", "Mode"),
    ("sorter.authenticity", "_worth"),  # what practice is worth, by mode
    ("sorter.authenticity", "_without_record"),  # our own devices, unlisted
    ("sorter.judge", "judge"),  # marks the verdict
    ("sorter.judge", "_accounts"),  # whose account may be asked
    ("sorter.policy", ""),  # the two modes
    ("sorter.policy", "Policy"),  # production unless said otherwise
    ("sorter.campaign", "Plan"),  # a long run's policy, production unless said otherwise
    ("postage.verdictrows", "verdict_as_row"),  # tells the mark
    ("sorter.report", "Report"),  # counts the marks
    ("sorter.protocol", "answer"),  # tells the mark
    ("sorter.serve", "_told"),  # the daemon's policy, production unless said otherwise
}
WORDS = {"rehearsal", "specimen", "production"}


def places(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield where a module compares with, or names, a mode of trust or its environment."""

    def walk(node: ast.AST, inside: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            name = inside
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and not inside:
                name = child.name
            if isinstance(child, ast.Constant) and child.value in WORDS:
                yield module, name
            if isinstance(child, ast.Attribute) and child.attr in {"REHEARSAL", "SPECIMEN"}:
                is_code = isinstance(child.value, ast.Name) and child.value.id == "Code"
                yield from () if is_code else [(module, name)]  # SPECIMEN is a verdict too
            if isinstance(child, ast.Attribute) and child.attr in {"environ", "getenv"}:
                yield module, f"{name} reads the environment"
            yield from walk(child, name)

    yield from walk(tree, "")


def test_no_other_switch_stands_in_the_tree() -> None:
    """design.md 6: a test searches for one. Neither side of the verdict names a mode elsewhere."""
    found = set()
    for package in ("postage", "sorter"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found |= set(places(module, ast.parse(path.read_text(encoding="utf-8"))))
    assert found - SPEAKS_OF_PRACTICE == set(), "a place that only tells the mark goes on the list"
    assert SPEAKS_OF_PRACTICE - found == set(), "no longer there"


def test_a_planted_switch_is_found() -> None:
    """A check that cannot fail is no check."""
    for planted in (
        "def f(record):\n    return record.mode is not Mode.SPECIMEN",
        "def f(record, lenient):\n    return lenient or record.mode == 'production'",
        "import os\nTRUSTED = os.environ.get('IMI_TRUST')",
    ):
        found = set(places("sorter.lane", ast.parse(planted)))
        assert found
        assert not found & SPEAKS_OF_PRACTICE
