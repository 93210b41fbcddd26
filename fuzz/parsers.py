"""Feed a parser: `python -m fuzz.parsers TARGET --count N`, from the root.

Atheris drives it, guided by the branches that an input reaches; with `--plain` inputs are seeds
changed by chance, the same for the same `--seed`. What breaks is kept as build/fuzz/TARGET-crash-*.
Exit code 0: nothing broke.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

NAMES = ("payload", "register", "rates", "discrepancy")
LONGEST = 4_096
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def changed(seeds: tuple[bytes, ...], count: int, seed: int) -> Iterator[bytes]:
    """Yield each seed, then so many inputs made of them: flipped, cut, doubled, mixed."""
    yield from seeds
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(6):
                case 0 if data:
                    data[at % len(data)] ^= 1 << chance.randrange(8)
                case 1 if data:
                    data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, *b'0"{[,\n'))
                case 2:
                    del data[at : at + chance.randint(1, 8)]
                case 3:
                    data[at:at] = data[at : at + chance.randint(1, 64)]
                case 4:
                    data[at:at] = chance.randbytes(chance.randint(1, 8))
                case _:
                    other = chance.choice(seeds)
                    data[at:] = other[chance.randrange(len(other) + 1) :]
        yield bytes(data[:LONGEST])


def plain(name: str, count: int, seed: int) -> int:
    """Feed a target and return how many inputs it took; what it raises comes out."""
    from fuzz.parse_targets import TARGETS

    target = TARGETS[name]
    fed = 0
    for data in changed(target.seeds, count, seed):
        try:
            target.feed(data)
        except Exception as error:
            error.add_note(f"input {fed} of {name}, seed {seed}: {data.hex()}")
            raise
        fed += 1
        if sys.stderr.isatty() and fed % 1_000 == 0:
            print(f"\r{name}: {fed} of {count}", end="", file=sys.stderr)
    return fed


def guided(name: str, count: int, seed: int) -> int:
    """Let atheris feed a target in a process of its own; return its exit code."""
    with tempfile.TemporaryDirectory(prefix="fuzz", dir=MEMORY) as folder:
        # atheris ends its process without a goodbye, so that nobody there could tidy up.
        child = get_context("spawn").Process(target=_guided, args=(name, count, seed, Path(folder)))
        child.start()
        child.join()
    assert child.exitcode is not None
    return child.exitcode


def _guided(name: str, count: int, seed: int, folder: Path) -> None:
    import atheris

    tempfile.tempdir = str(folder)  # of the target's own files, too
    with atheris.instrument_imports(include=["postage", "sorter"]):
        from fuzz.parse_targets import TARGETS
    target, kept, corpus = TARGETS[name], Path("build/fuzz"), folder / "corpus"
    kept.mkdir(parents=True, exist_ok=True)
    corpus.mkdir()
    for number, data in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(data)
    options = {
        "runs": count,
        "seed": seed,
        "max_len": LONGEST,
        "timeout": 20,
        "rss_limit_mb": 2_048,
        "print_final_stats": 1,
        "artifact_prefix": f"{kept}/{name}-",
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)],
        target.feed,
    )
    atheris.Fuzz()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m fuzz.parsers")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    asked = parser.parse_args()
    if asked.plain:
        print(
            f"{asked.target}: {plain(asked.target, asked.count, asked.seed)} executions, 0 broken"
        )
    else:
        sys.exit(guided(asked.target, asked.count, asked.seed))


if __name__ == "__main__":
    main()
