"""Calibration of standard deviations against distributions whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from potscope.core.calibration import (
    Calibration,
    Conformal,
    Recalibration,
    calibration,
    calibration_of,
    errors_and_stds,
    median_factor,
    recalibrated,
)
from potscope.core.dataset import Dataset
from potscope.core.metrics import taken
from potscope.core.prediction import Prediction
from potscope.core.splits import folds_of

N = 40_000


def normal_errors(factor: float = 1.0, bias: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Errors `factor` times as large as their standard deviations say, and off by `bias` of them."""
    rng = np.random.default_rng(0)
    std_k = rng.uniform(0.5, 2.0, N)
    return std_k * (factor * rng.normal(size=N) + bias), std_k


def test_errors_as_large_as_said() -> None:
    error_k, std_k = normal_errors()
    found = calibration_of(error_k, std_k)
    assert found.miscalibration_area < 0.01
    np.testing.assert_allclose(found.observed, found.expected, atol=0.01)
    assert found.z_rms == pytest.approx(1, abs=0.01)
    assert found.z_mean == pytest.approx(0, abs=0.02)
    assert found.sharpness == pytest.approx(math.sqrt((8 - 0.125) / 4.5), rel=0.01)
    entropy = 0.5 * math.log(2 * math.pi * math.e) + quad(math.log, 0.5, 2.0)[0] / 1.5
    assert found.negative_log_likelihood == pytest.approx(entropy, abs=0.02)
    np.testing.assert_allclose(found.bin_rmse, found.bin_std, rtol=0.05)
    assert found.spearman > 0.3


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_errors_of_another_size(factor: float) -> None:
    found = calibration_of(*normal_errors(factor))
    curve = lambda p: 2 * norm.cdf(norm.ppf((1 + p) / 2) / factor) - 1  # noqa: E731
    np.testing.assert_allclose(found.observed, curve(found.expected), atol=0.01)
    assert found.miscalibration_area == pytest.approx(quad(lambda p: abs(curve(p) - p), 0, 1)[0], abs=0.005)
    assert found.z_rms == pytest.approx(factor, rel=0.01)
    assert (found.observed[50] > 0.5) == (factor < 1)


def test_a_bias_shows_in_the_quantiles() -> None:
    error_k, std_k = normal_errors(bias=1.0)
    found = calibration_of(error_k, std_k, interval="lower")
    np.testing.assert_allclose(found.observed, norm.cdf(norm.ppf(found.expected) + 1), atol=0.01)
    assert found.z_mean == pytest.approx(1, abs=0.02)
    assert calibration_of(error_k - std_k, std_k, interval="lower").miscalibration_area < 0.01


def test_area_of_few_errors_by_hand() -> None:
    """One error that is within at confidence ½: the curve is 0 up to there and 1 beyond."""
    found = calibration_of(np.array([norm.ppf(0.75)]), np.ones(1))
    assert found.miscalibration_area == pytest.approx(0.25)
    assert found.observed[found.expected < 0.49].max() == 0
    assert found.observed[found.expected > 0.51].min() == 1
    assert math.isnan(found.spearman)
    assert calibration_of(np.zeros(3), np.ones(3)).miscalibration_area == 0.5
    assert calibration_of(np.full(3, 1e9), np.ones(3)).miscalibration_area == pytest.approx(0.5)


def test_order_of_errors_and_deviations() -> None:
    assert calibration_of(np.array([0.1, -0.2, 0.3]), np.array([1.0, 2.0, 3.0])).spearman == pytest.approx(1)
    assert calibration_of(np.array([0.3, -0.2, 0.1]), np.array([1.0, 2.0, 3.0])).spearman == pytest.approx(-1)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3)), min_size=1, max_size=30), st.floats(0.01, 100))
def test_what_holds_of_any(pairs: list[tuple[float, float]], scale: float) -> None:
    error_k, std_k = np.array(pairs).T
    found = calibration_of(error_k, std_k)
    assert 0 <= found.miscalibration_area <= 0.5 + 1e-12
    assert (np.diff(found.observed) >= 0).all()
    assert found.observed[-1] == 1
    assert math.isnan(found.spearman) or -1 - 1e-12 <= found.spearman <= 1 + 1e-12
    other_unit = calibration_of(scale * error_k, scale * std_k)
    assert other_unit.sharpness == pytest.approx(scale * found.sharpness)
    assert other_unit.z_rms == pytest.approx(found.z_rms)
    assert other_unit.negative_log_likelihood == pytest.approx(found.negative_log_likelihood + math.log(scale))


# -- conformal intervals ----------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.floats(0.02, 0.98), st.integers(0, 2**32), st.sampled_from(["normal", "cauchy", "ties"]))
def test_intervals_hold_what_they_promise(n: int, alpha: float, seed: int, distribution: str) -> None:
    """Exactly: of n + 1 exchangeable scores, leaving out each in turn, at least 1 − α are within, whatever they are."""
    rng = np.random.default_rng(seed)
    draw = {"normal": rng.normal, "cauchy": rng.standard_cauchy, "ties": lambda size: rng.integers(0, 4, size)}
    error_k = np.asarray(draw[distribution](size=n + 1), dtype=float)
    std_k = rng.uniform(0.1, 3.0, n + 1) if distribution != "ties" else np.ones(n + 1)
    inside = []
    for k in range(n + 1):
        others = np.arange(n + 1) != k
        conformal = Conformal.of_errors(error_k[others], std_k[others])
        inside.append(abs(error_k[k]) <= conformal.half_widths(std_k[k], alpha) * (1 + 1e-12))
    assert np.mean(inside) >= 1 - alpha - 1e-9
    if distribution != "ties":
        assert np.mean(inside) <= 1 - alpha + 1 / (n + 1) + 1e-9


def test_coverage_of_new_errors() -> None:
    error_k, std_k = normal_errors(factor=3.0)
    conformal = Conformal.of_errors(error_k[:2000], std_k[:2000])
    for alpha in (0.05, 0.2, 0.5):
        within = np.abs(error_k[2000:]) <= conformal.half_widths(std_k[2000:], alpha)
        assert within.mean() == pytest.approx(1 - alpha, abs=0.03)
        assert conformal.factor(alpha) == pytest.approx(3 * norm.ppf(1 - alpha / 2), rel=0.08)


def test_rank_by_hand() -> None:
    conformal = Conformal.of_errors(np.array([-3.0, 1.0, 2.0, 4.0]), np.ones(4))
    assert conformal.factor(0.2) == 4
    assert conformal.factor(0.4) == 3
    assert conformal.factor(0.5) == 3
    assert conformal.factor(0.6) == 2
    assert conformal.factor(0.19) == np.inf
    for alpha in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="`alpha`"):
            conformal.factor(alpha)


# -- predictions ------------------------------------------------------------------------------------------------------


def predicted() -> tuple[Dataset, Prediction]:
    """Three structures; the second has no energy, the last no forces, and one standard deviation is zero."""
    structures = [Atoms(f"H{n}", np.arange(3.0 * n).reshape(n, 3)) for n in (1, 2, 4)]
    for atoms, energy in zip(structures, (1.0, None, 8.0), strict=True):
        if energy is not None:
            atoms.info["energy"] = energy
        if len(atoms) < 4:
            atoms.arrays["forces"] = np.zeros((len(atoms), 3))
    forces = tuple(np.full((n, 3), 0.5) for n in (1, 2, 4))
    stds = tuple(np.full((n, 3), 0.25) for n in (1, 2, 4))
    stds[1][0, 0] = 0.0
    prediction = Prediction(
        energies=np.array([2.0, 0.0, 4.0]),
        local_energies=tuple(np.zeros(n) for n in (1, 2, 4)),
        forces=forces,
        stresses=np.full((3, 6), np.nan),
        energy_std=np.array([0.5, 1.0, 4.0]),
        local_energy_std=tuple(np.ones(n) for n in (1, 2, 4)),
        force_std=stds,
    )
    return Dataset.from_structures(structures), prediction


def test_energies_count_per_atom_and_what_is_unknown_is_left_out() -> None:
    error_k, std_k, unknown = errors_and_stds(*predicted(), "energy")
    np.testing.assert_allclose(error_k, [1, -1])
    np.testing.assert_allclose(std_k, [0.5, 1])
    assert unknown == 1
    error_k, std_k, unknown = errors_and_stds(*predicted(), "force")
    assert (len(error_k), unknown) == (8, 13)
    found = calibration(*predicted(), "energy")
    assert isinstance(found, Calibration)
    assert (found.quantity, found.unit, found.count, found.unknown) == ("energy", "eV/atom", 2, 1)
    assert found.z_rms == pytest.approx(math.sqrt((4 + 1) / 2))
    assert found.measures()["count"] == 2
    assert calibration(*predicted(), "force").z_rms == pytest.approx(2)


def test_coverage_of_a_prediction_by_hand() -> None:
    dataset, prediction = predicted()
    conformal = Conformal.of(dataset, prediction)
    assert conformal.scores.tolist() == [1, 2]
    assert conformal.coverage(dataset, prediction, 0.5) == (1.0, pytest.approx(2 * 0.75))
    assert conformal.coverage(dataset, prediction, 0.7) == (0.5, pytest.approx(0.75))
    assert all(math.isnan(value) for value in conformal.coverage(dataset[1:2], taken(prediction, np.array([1])), 0.5))


def many(factor: float, count: int = 400) -> tuple[Dataset, Prediction]:
    """Atoms whose errors are so many times as large as said."""
    rng = np.random.default_rng(1)
    structures = [Atoms("H") for _ in range(count)]
    for atoms in structures:
        atoms.info["energy"] = 0.0
    std_s = rng.uniform(0.5, 2.0, count)
    zeros = tuple(np.zeros((1, 3)) for _ in structures)
    energies = factor * std_s * rng.normal(size=count)
    prediction = Prediction(energies, None, zeros, np.full((count, 6), np.nan), energy_std=std_s)
    return Dataset.from_structures(structures), prediction


@pytest.mark.parametrize("factor", [0.1, 1.0, 8.0])
def test_each_half_is_scaled_by_the_other(factor: float) -> None:
    dataset, prediction = many(factor)
    found, raw = recalibrated(dataset, prediction), calibration(dataset, prediction)
    assert found.miscalibration_area < 0.04
    assert found.z_rms == pytest.approx(1, rel=0.15)
    assert (found.count, found.unknown, found.unit) == (400, 0, "eV/atom")
    if factor != 1:
        assert raw.miscalibration_area > 0.2
    mine = folds_of(dataset.ids, 2, 0) == 0
    wrong = replace(prediction, energies=np.where(mine, 100 * prediction.energies, prediction.energies))
    assert calibration_of(wrong.energies[mine], prediction.energy_std[mine]).z_rms > 10 * factor
    assert recalibrated(dataset, wrong).miscalibration_area > 0.2  # a factor of one's own would hide it
    assert recalibrated(dataset[:1], taken(prediction, np.array([0]))) is None
    with pytest.raises(ValueError, match="`prediction`: expected standard deviations of each force"):
        recalibrated(dataset, prediction, "force")


def test_by_the_median_half_of_the_errors_are_within_what_says_so_whatever_the_others_are() -> None:
    error_k, std_k = normal_errors(factor=3.0)
    assert median_factor(error_k / std_k) == pytest.approx(3, rel=0.02)
    error_k[::10] *= 1e6
    assert median_factor(error_k / std_k) == pytest.approx(3, rel=0.2)
    assert calibration_of(error_k, median_factor(error_k / std_k) * std_k).observed[50] == pytest.approx(0.5, abs=1e-3)
    dataset, prediction = predicted()
    factors = Recalibration.of(dataset, prediction, "median")
    assert factors == Recalibration(energy=1.5 / norm.ppf(0.75), force=2 / norm.ppf(0.75))
    with pytest.raises(ValueError, match="`method`"):
        Recalibration.of(dataset, prediction, "mean")
    exact = replace(prediction, energies=dataset.energies, force_std=None)
    with pytest.raises(ValueError, match="`prediction`: expected standard deviations"):
        Recalibration.of(dataset[:1], taken(exact, np.array([0])), "median")


def test_recalibrated_the_errors_are_as_large_as_said() -> None:
    dataset, prediction = predicted()
    factors = Recalibration.of(dataset, prediction)
    assert factors == Recalibration(energy=math.sqrt(2.5), force=2.0)
    scaled = factors.apply(prediction)
    assert calibration(dataset, scaled, "energy").z_rms == pytest.approx(1)
    assert calibration(dataset, scaled, "force").z_rms == pytest.approx(1)
    np.testing.assert_allclose(scaled.local_energy_std[2], math.sqrt(2.5))
    np.testing.assert_array_equal(scaled.energies, prediction.energies)
    before, after = calibration(dataset, prediction, "force"), calibration(dataset, scaled, "force")
    assert after.negative_log_likelihood < before.negative_log_likelihood


@given(st.floats(0.1, 10), st.floats(0.5, 2))
def test_no_other_factor_makes_the_errors_as_likely(factor: float, other: float) -> None:
    error_k, std_k = normal_errors(factor)
    error_k, std_k = error_k[:50], std_k[:50]
    best = calibration_of(error_k, std_k).z_rms
    likely = calibration_of(error_k, best * std_k).negative_log_likelihood
    assert calibration_of(error_k, other * best * std_k).negative_log_likelihood >= likely - 1e-12


def test_without_standard_deviations_there_is_nothing_to_tell() -> None:
    dataset, prediction = predicted()
    bare = Prediction(prediction.energies, None, prediction.forces, prediction.stresses)
    for quantity in ("energy", "force"):
        with pytest.raises(ValueError, match=f"`prediction`: expected standard deviations of each {quantity}"):
            calibration(dataset, bare, quantity)
    with pytest.raises(ValueError, match="`prediction`: expected standard deviations"):
        Recalibration.of(dataset, bare)
    assert Recalibration().apply(bare).energy_std is None
    with pytest.raises(ValueError, match="`quantity`"):
        calibration(dataset, prediction, "stress")
    with pytest.raises(ValueError, match="`prediction`: expected 2 structures"):
        calibration(dataset[:2], prediction)


@pytest.mark.parametrize(
    ("error_k", "std_k", "message"),
    [
        ([], [], "`error_k`: expected at least one"),
        ([1.0], [1.0, 2.0], "`std_k`: expected the shape"),
        ([np.nan], [1.0], "`error_k`: expected finite"),
        ([1.0], [0.0], "`std_k`: expected finite numbers greater than zero"),
        ([1.0], [np.inf], "`std_k`: expected finite"),
    ],
)
def test_wrong_numbers(error_k, std_k, message) -> None:
    for function in (calibration_of, Conformal.of_errors):
        with pytest.raises(ValueError, match=message):
            function(np.array(error_k), np.array(std_k))
    with pytest.raises(ValueError, match="`energy`"):
        Recalibration(energy=0.0)
    with pytest.raises(ValueError, match="`interval`"):
        calibration_of(np.ones(1), np.ones(1), interval="upper")
