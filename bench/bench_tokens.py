"""Signing in a PKCS#11 token beside signing in this process, each verified before release.

SoftHSM2 stands for the interface, not for any token's speed: it signs in software, with locks and
a look at its files at each call. One real token that takes 90 ms or more a signature cannot feed
40,000 pieces an hour. ``python -m bench.bench_tokens`` prints signatures a second.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bench.compare import Comparison, Contender, compare
from imicore.keys import SoftwareKeyStore
from imicore.keystore import DeviceSigner
from imicore.signature import Check, Verifier

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "246810"
KEY_ID = "TST0-00000007"


@contextmanager
def token() -> Iterator[Any]:
    """Open a store on a new SoftHSM2 token."""
    from imicore.tokens import TokenKeyStore, tokens

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokens").mkdir()
        configuration = Path(folder) / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        pins = ["--pin", PIN, "--so-pin", "13579246"]
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", "bench", *pins],
            check=True,
            capture_output=True,
        )
        with TokenKeyStore(LIBRARY, serial=tokens(LIBRARY)[0].serial, pin=PIN) as store:
            yield store


def is_there() -> bool:
    """Whether SoftHSM2 and python-pkcs11 are installed."""
    try:
        import pkcs11  # noqa: F401
    except ImportError:
        return False
    return Path(LIBRARY).exists() and shutil.which("softhsm2-util") is not None


def released(signer: DeviceSigner) -> Callable[[], bytes]:
    """Sign another message each time and verify before the signature is passed on, as a PSD."""
    verifier, numbers, key = Verifier(cached_keys=1), count(), signer.public_key

    def sign() -> bytes:
        message = next(numbers).to_bytes(45, "big")
        signature = signer.sign(message)
        assert verifier.verify(message, signature, key) is Check.VALID
        return signature

    return sign


def comparisons() -> Iterator[Comparison]:
    if not is_there():
        return
    with token() as store, tempfile.TemporaryDirectory() as folder:
        hardware = store.create(KEY_ID)
        software = SoftwareKeyStore.at(Path(folder) / "keys", Path(folder)).create(KEY_ID)
        for signer in (hardware, software):
            assert len(released(signer)()) == 64
        yield compare(
            "sign one indicium, verified before release",
            Contender("token (SoftHSM2, PKCS#11)", lambda: hardware.sign(b"indicium")),
            [
                Contender("software key, then verified", released(software)),
                Contender("software key alone", lambda: software.sign(b"indicium")),
            ],
            rounds=15,
        )


def main(seconds: float = 2.0) -> None:
    """Print signatures a second by the clock on the wall, and the slowest one."""
    with token() as store, tempfile.TemporaryDirectory() as folder:
        keys = SoftwareKeyStore.at(Path(folder) / "keys", Path(folder))
        hardware, software = store.create(KEY_ID), keys.create(KEY_ID)
        for name, signer, once in (
            ("SoftHSM2", hardware, lambda: hardware.sign(b"indicium")),  # it verifies by itself
            ("software", software, released(software)),
        ):
            began, cpu, slowest, done = time.perf_counter(), time.thread_time(), 0.0, 0
            while (now := time.perf_counter()) - began < seconds:
                once()
                slowest = max(slowest, time.perf_counter() - now)
                done += 1
            rate = done / (time.perf_counter() - began)
            each = (time.thread_time() - cpu) / done * 1e6
            print(
                f"{name}: {rate:,.0f} signatures a second, {each:.0f} us of CPU each, "
                f"slowest {slowest * 1e3:.1f} ms, deterministic: {signer.deterministic}"
            )


if __name__ == "__main__":
    main()


def test_bench_token_signature(benchmark: Any) -> None:
    import pytest

    if not is_there():
        pytest.skip("SoftHSM2 or python-pkcs11 is not installed")
    with token() as store:
        signer = store.create(KEY_ID)
        signature = benchmark(signer.sign, b"indicium")
        assert Verifier().verify(b"indicium", signature, signer.public_key) is Check.VALID
