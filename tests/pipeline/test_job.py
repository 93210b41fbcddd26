"""Job files: what is taken, and how what is not is named."""

import re
from pathlib import Path

import pytest

from pipeline.errors import JobError
from pipeline.job import load_job

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "jobs"
GOOD = """
name = "x"
date = 2026-07-13
[[department]]
id = 1
name = "one"
[[batch]]
name = "b"
count = 3
department = 1
size = "number10"
ounces = [0.3, 0.9]
"""


def job_file(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_samples_are_jobs() -> None:
    assert load_job(SAMPLES / "morning.toml").count >= 500
    assert load_job(SAMPLES / "bad-mail.toml").count < 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("count = 3", "count = 0"), "batch.0.count: Input should be greater than or equal to 1"),
        (("department = 1", "department = 7"), "charges department 7; known: [1]"),
        (('"number10"', '"number11"'), "size 'number11' is not one of"),
        (("[0.3, 0.9]", "[0.9, 0.3]"), "0 < lightest <= heaviest"),
        (("count = 3", "count = 3\ncolour = 1"), "batch.0.colour: Extra inputs are not permitted"),
        (("date = 2026-07-13", "date = 7"), "date:"),
        (("count = 3", 'count = 3\nfaults = [{piece = 4, fault = "no_ink"}]'), "the batch has 3"),
        (("[[batch]]", "[[batch"), "is not TOML"),
        (("date = 2026-07-13", "date = 9999-12-31"), "date:"),
        (("date = 2026-07-13", "date = 2026-07-13\nseed = -1"), "seed:"),
        (("id = 1", "id = 1\nbudget = 1.2345"), "department.0.budget:"),
        (("id = 1", "id = 1\nbudget = -1"), "department.0.budget:"),
        (("[[department]]", '[meter]\ntimezone = "../etc/passwd"\n[[department]]'), "no time zone"),
        (("[[department]]", "[meter]\nrefill = 1.2345\n[[department]]"), "meter.refill:"),
        (("[[department]]", "[print]\nink_gain_dots = 5\n[[department]]"), "print.ink_gain_dots:"),
        (('"number10"', "[0, 0, 0]"), "batch.0.size"),
    ],
)
def test_a_bad_field_is_named_with_its_place(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(JobError, match=re.escape(said)):
        load_job(job_file(tmp_path, GOOD.replace(*change)))


def test_a_missing_file_and_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="No such file"):
        load_job(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(JobError, match="is not TOML"):
        load_job(tmp_path / "bytes.toml")
