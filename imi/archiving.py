"""`imi sorter archive`: every scan of an archive judged once, by as many workers as there are."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from postage.verdicts import Code
from sorter import campaign
from sorter.campaign import VERDICTS, Plan
from sorter.errors import SourceError
from sorter.fleet import Executor, Pool, Ray, Serial
from sorter.policy import TrustMode
from sorter.registerfiles import read_authority

HERE: Final = "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOptions:
    """Whom a campaign believes, where its results go and who works on it.

    ``workers`` None takes one for each core. ``ray`` is the address of a cluster, ``HERE`` for one
    that is made for the run, None for processes of this host.
    """

    register: Path
    authority: Path
    mode: TrustMode
    out: Path
    workers: int | None
    ray: str | None


def judge_archive(places: Sequence[Path], options: ArchiveOptions, *, as_json: bool) -> int:
    """Judge every scan of the places' shards; print how many have which code.

    Return 0 where all are VALID, else 1. What an earlier call has done is not done again.

    Raises:
        SorterError, OSError: a place or an option cannot be used, or workers keep dying.
    """
    plan = _plan(places, options)
    with closing(_executor(options)) as executor:
        _carry_out(plan, executor)
    codes = Counter(row["code"] for row in _rows(plan))
    told = {code.value: codes[code] for code in Code if codes[code]}
    verdicts = plan.file(VERDICTS, 0).parent
    if as_json:
        found = {"pieces": codes.total(), "codes": told, "verdicts": str(verdicts)}
        typer.echo(json.dumps(found, indent=1))
    else:
        table = Table("verdict", "pieces", title=f"{codes.total()} pieces")
        for code, pieces in told.items():
            table.add_row(code, str(pieces))
        Console().print(table)
        typer.echo(f"a line for each piece: {verdicts}")
    return 0 if told.keys() <= {Code.VALID.value} else 1


def _plan(places: Sequence[Path], options: ArchiveOptions) -> Plan:
    keys = read_authority(options.authority)
    return Plan(
        shards=tuple(str(shard.resolve()) for place in places for shard in _shards(place)),
        out=str(options.out.resolve()),  # workers may stand elsewhere
        register=str(options.register.resolve()),
        authority=tuple((key_id, key.hex()) for key_id, key in sorted(keys.items())),
        mode=options.mode,
    )


def _shards(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if found := sorted(place.glob("*.jsonl")):
        return found
    raise SourceError(f"{place} is no file of scans, nor a folder with *.jsonl")


def _executor(options: ArchiveOptions) -> Executor:
    workers = len(os.sched_getaffinity(0)) if options.workers is None else options.workers
    if options.ray is not None:
        return Ray(workers, address=None if options.ray == HERE else options.ray)
    return Serial() if workers == 1 else Pool(workers)


def _carry_out(plan: Plan, executor: Executor) -> None:
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as shown:
        rounds = {
            stage: shown.add_task(stage, completed=done, total=total)
            for stage, (done, total) in campaign.tasks(plan).items()
        }
        for done in campaign.run(plan, executor):
            shown.advance(rounds[done.stage])


def _rows(plan: Plan) -> Iterator[dict[str, str]]:
    for at in range(len(plan.shards)):
        with plan.file(VERDICTS, at).open(encoding="ascii") as file:
            yield from map(json.loads, file)
