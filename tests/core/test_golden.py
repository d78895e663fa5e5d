"""Files that earlier versions wrote stay readable, and say what they said."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from potscope.core import load
from potscope.core.models import COMPOSED, REGISTRY

KINDS = {**REGISTRY, **COMPOSED}
GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1e-8  # of numbers around one; between machines the order of sums differs
LOOSE = {"energy_std": 1e-5, "local_energy_std": 1e-5, "force_std": 1e-5, "extrapolation": 1e-6}
"""Where numbers are small differences of large ones, or large."""


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_before_predicts_what_it_did(name) -> None:
    potential = load(GOLDEN / f"{name}.potscope")
    stored = json.loads((GOLDEN / f"{name}.json").read_text())
    prediction = potential.predict([Atoms(**structure) for structure in stored["structures"]], atom_std=True)
    assert type(potential) is KINDS[name]
    for quantity, expected in stored["prediction"].items():
        if expected is None:
            continue
        tolerance = LOOSE.get(quantity, TOLERANCE)
        for found, wanted in zip(getattr(prediction, quantity), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=quantity)


def test_each_family_has_a_file_and_each_file_a_family() -> None:
    for kind in ("potscope", "json"):
        assert {path.stem for path in GOLDEN.glob(f"*.{kind}")} == set(KINDS)
    assert max(path.stat().st_size for path in GOLDEN.iterdir() if path.is_file()) < 40_000


def test_a_file_is_never_replaced(tmp_path) -> None:
    write = runpy.run_path(str(GOLDEN / "write.py"))["write"]
    before = (GOLDEN / "SNAP.potscope").read_bytes()
    with pytest.raises(FileExistsError, match=r"SNAP\.potscope is there"):
        write("SNAP")
    assert (GOLDEN / "SNAP.potscope").read_bytes() == before
    write("CompositionModel", tmp_path)
    assert load(tmp_path / "CompositionModel.potscope").fitted
    (tmp_path / "CompositionModel.potscope").unlink()
    with pytest.raises(FileExistsError, match=r"CompositionModel\.json is there"):
        write("CompositionModel", tmp_path)
