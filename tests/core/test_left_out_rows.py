"""Deviations of linear models by what they say of equations that are left out, against fits without these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from potscope.core import Dataset, load
from potscope.core.calibration import Recalibration, calibration
from potscope.core.descriptors import Bispectrum
from potscope.core.models import SNAP
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.left_out_rows import Sample, recalibration_of
from potscope.core.models.linear_solvers import Solution, least_squares

from structures import emt_alloys as alloys


def equations(seed: int = 0, rows: int = 40, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A line with noise and a bend that it cannot follow."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, columns)) * rng.uniform(0.1, 3.0, columns)
    return A, A @ rng.normal(size=columns) + 0.3 * A[:, 0] ** 2 + rng.normal(0, 0.1, rows)


def solved(A: np.ndarray, b: np.ndarray) -> Solution:
    triangle = TriangularLeastSquares(A.shape[1])
    triangle.add(A, b)
    return least_squares(triangle.reduced())


def test_factors_are_those_of_fits_without_each_equation() -> None:
    A, b = equations()
    whole = solved(A, b)
    sample, z = Sample(), []
    for k in range(len(b)):
        sample.add(A[k : k + 1], b[k : k + 1])
        kept = np.arange(len(b)) != k
        alone, *_ = np.linalg.lstsq(A[kept], b[kept], rcond=None)
        variance = whole.noise * A[k] @ np.linalg.solve(A[kept].T @ A[kept], A[k])
        z.append((b[k] - A[k] @ alone) / np.sqrt(variance))
    assert sample.factor(whole) == pytest.approx(np.median(np.abs(z)) / 0.6744897501960817)


def test_equations_that_nothing_else_or_nothing_tells_do_not_count() -> None:
    A, b = equations()
    A = np.column_stack([A, np.zeros(len(b))])
    A[0, -1] = 1.0  # alone in this, so that leaving it out leaves its unknown to no one
    sample, fewer = Sample(), Sample()
    for k in range(len(b)):
        sample.add(A[k : k + 1], b[k : k + 1])
        if k > 0:
            fewer.add(A[k : k + 1], b[k : k + 1])
    sample.add(np.zeros((2, A.shape[1])), np.zeros(2))
    whole = solved(A, b)
    assert sample.factor(whole) == pytest.approx(fewer.factor(whole))
    assert Sample().factor(whole) is None
    assert recalibration_of(Sample(), sample, whole) == Recalibration(*[sample.factor(whole)] * 2)
    assert recalibration_of(Sample(), Sample(), whole) == Recalibration()
    assert fewer.factor(replace(whole, noise=0.0)) is None


def test_of_many_equations_some_stand_for_all(monkeypatch) -> None:
    A, b = equations(rows=4000)
    whole, every, some = solved(A, b), Sample(), Sample()
    for start in range(0, len(b), 8):
        every.add(A[start : start + 8], b[start : start + 8])
    monkeypatch.setattr("potscope.core.models.left_out_rows.MOST_NUMBERS", 2000)
    for start in range(0, len(b), 8):
        some.add(A[start : start + 8], b[start : start + 8])
    assert sum(rows.size for rows, _ in every._found) == 500 * 3 * 6
    assert 1000 <= sum(rows.size for rows, _ in some._found) <= 2000
    assert some.factor(whole) == pytest.approx(every.factor(whole), rel=0.25)
    assert every.factor(whole) > 10


def test_deviations_tell_the_errors_of_a_model_that_is_too_simple(tmp_path) -> None:
    """Few features of EMT's many-body energies."""
    data = Dataset.from_structures(alloys(70))
    potential = SNAP(Bispectrum(species=["Cu", "Au"], twojmax=2, rcutfac=3.9, radelem=[0.5, 0.5], wj=[1.0, 0.8]))
    prediction = potential.fit(data[:40]).predict(data[40:], atom_std=True)
    factors = potential.recalibration_
    raw = Recalibration(1 / factors.energy, 1 / factors.force).apply(prediction)
    for quantity in ("energy", "force"):
        before, after = (calibration(data[40:], one, quantity) for one in (raw, prediction))
        assert after.miscalibration_area < 0.15
        assert after.miscalibration_area < 0.6 * before.miscalibration_area
        assert after.spearman == pytest.approx(before.spearman)
    again = load(potential.save(tmp_path / "snap.potscope"))
    assert again.recalibration_ == factors
