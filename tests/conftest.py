"""What several tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Machines are shared and sanitised builds slow: a late example is no wrong one.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Return the folder of reference data, or skip: the repository runs without it."""
    folder = os.environ.get("IMI_REFERENCE", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("IMI_REFERENCE names no folder of reference data (vectors/, data/, samples/)")
    return Path(folder)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that skipped anything where IMI_NO_SKIPS forbids it, as `make ci` does."""
    if not os.environ.get("IMI_NO_SKIPS") or exitstatus:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skips are not allowed here (IMI_NO_SKIPS is set)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
