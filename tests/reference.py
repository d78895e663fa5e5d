"""Reference data made by others, which are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """Folder of the reference data; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("POTSCOPE_REFERENCE", DEFAULT))
    if not folder.is_dir():
        pytest.skip("no reference data: set POTSCOPE_REFERENCE to the folder that has mlearn, fitsnap_ta and qm7 in it")
    return folder
