"""Signing, the two back ends, threads. Verdicts on vectors are in test_signature_vectors.py."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imicore import _imaging, keys, signature
from imicore.errors import BadArgument
from imicore.signature import Algorithm, Check, Signer, Verifier, der_to_raw, raw_to_der
from tests.imicore.signature_paths import fallback
from tests.vectors import make_signatures

pytestmark = pytest.mark.native
ROOT = Path(__file__).parents[2]
KEY = keys.PrivateKey.from_scalar(0xC0FFEE)
MESSAGES = [bytes([i]) * i for i in range(100)]


def need_libcrypto() -> _imaging.Libcrypto:
    if signature._LIBCRYPTO is None:
        pytest.skip(f"no libcrypto: {signature.backend().reason}")
    return signature._LIBCRYPTO


@pytest.fixture(params=list(Algorithm), ids=lambda algorithm: algorithm.name)
def key(request: pytest.FixtureRequest) -> keys.PrivateKey:
    return keys.PrivateKey.from_scalar(0xC0FFEE, request.param)


@pytest.fixture(params=["libcrypto", "cryptography"])
def signer(
    request: pytest.FixtureRequest, key: keys.PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> Signer:
    if request.param == "cryptography":
        monkeypatch.setattr(signature, "_LIBCRYPTO", None)
    else:
        need_libcrypto()
    return Signer(key)


def test_batch_signatures_verify_and_have_low_s(signer: Signer) -> None:
    """Low s is demanded by the verifier; of 100 unnormalised ones half would fail."""
    signatures = signer.sign_batch(MESSAGES)
    assert {len(made) for made in signatures} == {signer.algorithm.signature_bytes}
    points = [signer.public_key] * len(MESSAGES)
    for verifier in (Verifier(), fallback()):
        assert set(verifier.verify_batch(MESSAGES, signatures, points)) == {Check.VALID}


def test_single_signatures_are_deterministic_and_batch_ones_are_not(signer: Signer) -> None:
    assert signer.sign(b"once") == signer.sign(b"once")
    first, second = signer.sign_batch([b"once", b"once"])
    assert first != second
    assert Verifier().verify(b"once", signer.sign(b"once"), signer.public_key) is Check.VALID


def test_an_empty_batch_is_empty(signer: Signer) -> None:
    assert signer.sign_batch([]) == []
    assert Verifier().verify_batch([], [], []) == fallback().verify_batch([], [], []) == []


def test_the_engine_refuses_a_pair_that_is_none() -> None:
    """It signs and verifies once before it is handed out (ISO/IEC 19790:2012, 7.10.3.3)."""
    library = need_libcrypto()
    other = keys.PrivateKey.from_scalar(7).public_key
    with pytest.raises(BadArgument, match="public point"):
        _imaging.EcdsaSigner(library, 32, KEY.scalar(), other)
    with pytest.raises(BadArgument, match="not a private key"):
        _imaging.EcdsaSigner(library, 32, KEY.scalar(), other[:-1] + b"x")
    with pytest.raises(BadArgument, match="33 bytes a number"):
        _imaging.EcdsaSigner(library, 33, KEY.scalar(), other)


@pytest.mark.parametrize("verifier", [Verifier(), fallback()], ids=["libcrypto", "fall-back"])
def test_arguments_that_are_not_bytes_raise(verifier: Verifier) -> None:
    """Mutable buffers could change under a thread that runs without the GIL."""
    raw = Signer(KEY).sign(b"")
    with pytest.raises(TypeError, match="bytearray"):
        verifier.verify(bytearray(), raw, KEY.public_key)
    with pytest.raises(TypeError, match="str"):
        verifier.verify(b"", raw.hex(), KEY.public_key)
    with pytest.raises(TypeError, match="int"):
        verifier.verify_batch([b""], [raw], [5])
    with pytest.raises(BadArgument, match="2 messages, 1 signatures, 1 keys"):
        verifier.verify_batch([b"", b""], [raw], [KEY.public_key])
    assert verifier.verify(b"", raw, KEY.public_key) is Check.VALID  # and works on


@pytest.mark.parametrize("raw", [bytes(64), b"\xff" * 64, bytes(63), b"\1" * 128])
def test_raw_to_der_refuses(raw: bytes) -> None:
    with pytest.raises(BadArgument):
        raw_to_der(raw)


@pytest.mark.parametrize(
    ("why", "der"),
    [
        ("empty", ""),
        ("r = 0", "3006020100020101"),
        ("a byte after the sequence", "300602010102010100"),
        ("a third integer", "3009020101020101020101"),
        ("negative r", "3006020180020101"),
        ("r not minimal", "300702020001020101"),
    ],
)
def test_der_to_raw_refuses(why: str, der: str) -> None:
    with pytest.raises(BadArgument):
        der_to_raw(bytes.fromhex(der))


def test_conversions_agree_with_cryptography() -> None:
    """encode_dss_signature of 400 pairs whose numbers have every length from 1 to 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    for i in range(400):
        r, s = (int.from_bytes(os.urandom(31)) >> shift | 1 for shift in (i % 248, (7 * i) % 248))
        der = encode_dss_signature(r, s)
        assert der_to_raw(der) == r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert raw_to_der(der_to_raw(der)) == der


def test_other_threads_run_while_a_batch_is_verified() -> None:
    """With a switch interval of 100 s only a released GIL lets this thread see it unfinished."""
    raw = Signer(KEY).sign(b"")
    started, finished = threading.Event(), []
    verifier = Verifier(hot_keys=0)

    def work() -> None:
        batch = [b""] * 3000, [raw] * 3000, [KEY.public_key] * 3000
        started.set()
        verifier.verify_batch(*batch)
        finished.append(True)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        seen = list(finished)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert (seen, finished) == ([], [True])


def test_threads_share_one_engine() -> None:
    """Four threads, keys that turn hot, cool and fall out meanwhile: every verdict is right."""
    need_libcrypto()
    signers = [Signer(keys.PrivateKey.from_scalar(1000 + i)) for i in range(12)]
    shared = Verifier(cached_keys=8, hot_keys=2, hot_after=40)
    for signer in signers[:4]:  # the first two tables go at once
        assert shared.warm(signer.public_key)

    def work(turn: int) -> bool:
        chosen = [signers[(turn + i * i) % len(signers)] for i in range(200)]
        messages = [b"%d" % (i % 20) for i in range(200)]
        signatures = [
            signer.sign_batch([message])[0]
            for signer, message in zip(chosen, messages, strict=True)
        ]
        messages[::5] = [b"other"] * 40
        points = [signer.public_key for signer in chosen]
        found = shared.verify_batch(messages, signatures, points)
        return found == [Check.VALID if i % 5 else Check.MISMATCH for i in range(200)]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(16)))
    statistics = shared.statistics()
    assert statistics.keys == 8
    assert statistics.hot_keys <= 2
    assert statistics.key_evictions > 0
    assert statistics.tables_built >= 4
    assert statistics.table_evictions >= 2
    assert statistics.hot_verifies + statistics.plain_verifies == 16 * 200


PROBE = """
import json, sys
from imicore import signature
rows = json.load(open(sys.argv[1]))
unhex = lambda text: None if text is None else bytes.fromhex(text)
columns = [[unhex(row[name]) for row in rows] for name in ("message", "signature", "key")]
found = signature.Verifier(hot_after=3).verify_batch(*columns)
wrong = [row["why"] for row, check in zip(rows, found) if check.name != row["check"]]
print(json.dumps([signature.backend().name, wrong]))
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROBE, str(make_signatures.FILE)],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_libcrypto_everything_is_the_same() -> None:
    """IMI_LIBCRYPTO=none: the fall-back agrees on all of signatures.json."""
    done = run(IMI_LIBCRYPTO="none")
    assert json.loads(done.stdout) == ["cryptography", []], done.stderr


def test_a_libcrypto_that_was_asked_for_and_is_missing_is_an_error() -> None:
    done = run(IMI_LIBCRYPTO="/nowhere/libcrypto.so.3")
    assert "BackendMissing: /nowhere/libcrypto.so.3" in done.stderr


def test_a_library_that_is_no_libcrypto_is_an_error() -> None:
    done = run(IMI_LIBCRYPTO="libc.so.6")
    assert "BackendMissing: libc.so.6 has no OpenSSL_version_num" in done.stderr


def test_fips_without_its_provider_fails_closed(tmp_path: Path) -> None:
    """No fall-back may hide that the machine demands FIPS and cannot give it."""
    need_libcrypto()
    done = run(OPENSSL_CONF=fips_configuration(tmp_path))
    assert "BackendFailure" in done.stderr


FIPS_PROBE = """
import ctypes
from imicore import _imaging, keys, signature
from imicore.errors import BackendFailure
signer = signature.Signer(keys.PrivateKey.from_scalar(7))
before = signature.Verifier().statistics().tables_allowed
library = ctypes.CDLL(signature.backend().path)
assert library.EVP_default_properties_enable_fips(None, 1) == 1
after = signature.Verifier().statistics().tables_allowed
try:
    signer.sign(b"")
except BackendFailure as refusal:
    print(before, after, refusal)
"""


def test_under_fips_there_are_no_tables_and_no_foreign_signatures() -> None:
    """Debian 12 has no fips provider, so FIPS is demanded once the algorithms are at hand."""
    need_libcrypto()
    done = subprocess.run(
        [sys.executable, "-c", FIPS_PROBE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("True False deterministic signing"), done.stderr


def fips_configuration(folder: Path) -> str:
    path = folder / "openssl.cnf"
    path.write_text(
        "openssl_conf = start\n[start]\nalg_section = algorithms\nproviders = providers\n"
        "[algorithms]\ndefault_properties = fips=yes\n"
        "[providers]\ndefault = default_provider\n[default_provider]\nactivate = 1\n"
    )
    return str(path)
