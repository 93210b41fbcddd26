"""What several tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference() -> Path:
    """Return the folder of reference data, or skip: the repository runs without it."""
    folder = os.environ.get("IMI_REFERENCE", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("IMI_REFERENCE names no folder of reference data (vectors/, data/, samples/)")
    return Path(folder)
