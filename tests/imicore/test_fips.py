"""What is said of OpenSSL's FIPS provider: what it is, why not, and never that it is validated."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from imicore.fips import FipsReport, ask
from imicore.signature import backend

pytestmark = pytest.mark.native

needs_libcrypto = pytest.mark.skipif(
    backend().name != "libcrypto", reason="no libcrypto to ask on this machine"
)


def asked_elsewhere(expression: str, **environment: str) -> dict[str, object]:
    """Return a report made in a process of its own."""
    code = (
        "import dataclasses, json\nfrom imicore.fips import ask\n"
        f"print(json.dumps(dataclasses.asdict({expression})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def demand_honest(report: FipsReport) -> None:
    """Active only with everything fetched from a provider that passed its own test; else why."""
    assert report.active == (report.reason == "")
    assert report.validated.startswith("unknown")
    if report.active:
        assert report.self_test
        assert len(report.algorithms) == 2
        assert report.provider
        assert report.version
    if not report.provider:
        assert report.self_test is None
        assert report.algorithms == ()


def test_the_fips_provider_is_there_or_it_is_said_why_not() -> None:
    report = ask()
    demand_honest(report)
    assert report.active or "fips" in report.reason or "no libcrypto" in report.reason
    assert ask() == report  # asking leaves nothing behind


@needs_libcrypto
def test_a_provider_that_is_there_is_named_with_its_version() -> None:
    """The default provider in the place of the FIPS one: the same calls, the whole answer."""
    report = ask(provider="default")
    demand_honest(report)
    assert report.active
    assert report.provider == "OpenSSL Default Provider"
    assert report.version == report.library.split()[1]
    assert report.path == backend().path


@needs_libcrypto
def test_a_provider_without_the_algorithms_is_not_active() -> None:
    """OpenSSL's base provider loads and has encoders only: loaded is not active."""
    report = ask(provider="base")
    demand_honest(report)
    assert report.provider == "OpenSSL Base Provider"
    assert not report.active
    assert "signature ECDSA from nowhere" in report.reason


@needs_libcrypto
def test_the_wish_is_not_the_fact(tmp_path: Path) -> None:
    """fips=yes as default property is 1 to EVP_default_properties_is_fips_enabled, without any
    provider; in a process whose algorithms are at hand already, as the wish fails closed before."""
    code = (
        "import ctypes, dataclasses, json\n"
        "from imicore import fips, signature\n"
        "library = ctypes.CDLL(signature.backend().path)\n"
        "library.EVP_default_properties_enable_fips.argtypes = [ctypes.c_void_p, ctypes.c_int]\n"
        "assert library.EVP_default_properties_enable_fips(None, 1) == 1\n"
        "print(json.dumps([signature._LIBCRYPTO.fips, dataclasses.asdict(fips.ask())]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    wish, report = json.loads(done.stdout)
    assert wish is True
    assert report["active"] == asdict(ask())["active"]


@needs_libcrypto
@pytest.mark.parametrize("content", [None, "localhost\n", "openssl_conf = nothing_of_that_name\n"])
def test_a_configuration_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "fipsmodule.cnf"
    if content is not None:
        path.write_text(content)
    report = ask(str(path))
    demand_honest(report)
    assert str(path) in report.reason or "does not load" in report.reason or report.active


def test_without_libcrypto_there_is_nobody_to_ask() -> None:
    report = asked_elsewhere("ask()", IMI_LIBCRYPTO="none")
    assert report["active"] is False
    assert report["reason"] == "no libcrypto is loaded: IMI_LIBCRYPTO=none"
    assert "without a FIPS module" in str(report["signing"])


def test_nothing_here_claims_a_validation() -> None:
    """The words "FIPS validated" or a certificate stand nowhere in our packages."""
    root = Path(__file__).parents[2]
    claims = ("fips validated", "fips-validated", "fips certified", "fips-certified", "140-3 level")
    for package in ("imicore", "pipeline", "postage", "service", "imi"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8").lower()
            assert not any(claim in text for claim in claims), path
