"""What the session's jobs do: plain functions from data and settings to results, without a session and without GUI."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from potscope.core.progress import Progress, part, silent
from potscope.explorer.bases import family

if TYPE_CHECKING:
    from ase import Atoms

    from potscope.core import Dataset, Prediction
    from potscope.core._types import Array, IntArray
    from potscope.core.calibration import Calibration
    from potscope.core.descriptors import Descriptor
    from potscope.core.dynamics import Frame
    from potscope.core.kernels import StructureKernel
    from potscope.core.models import Potential
    from potscope.core.monte_carlo import MonteCarloFrame
    from potscope.explorer.opened import Opened


@dataclass(frozen=True)
class StructureMap:
    """Where a descriptor puts each structure of a dataset.

    Attributes
    ----------
    xy_sc
        Two principal components of the kernel between structures, shape (structures, 2).
    descriptor
        The descriptor that the kernel compares.
    kernel
        The kernel between structures.
    """

    xy_sc: Array
    descriptor: Descriptor
    kernel: StructureKernel


_MAPS: OrderedDict[tuple[str, Descriptor, StructureKernel], StructureMap] = OrderedDict()
MOST_MAPS = 16


def known_map(dataset: Dataset, descriptor: Descriptor, kernel: StructureKernel) -> StructureMap | None:
    """The map of equal data by equal means, if any session of this process has computed it lately."""
    return _MAPS.get((dataset.fingerprint, descriptor, kernel))


def compute_map(
    dataset: Dataset, descriptor: Descriptor, kernel: StructureKernel, progress: Progress = silent
) -> StructureMap:
    """Place every structure of a dataset in a plane, or look up where they were placed before."""
    from potscope.core import maps

    found = known_map(dataset, descriptor, kernel)
    if found is None:
        xy_sc = maps.structure_map(dataset.structures, descriptor, progress=progress, kernel=kernel)
        found = StructureMap(xy_sc, descriptor, kernel)
        _MAPS[dataset.fingerprint, descriptor, kernel] = found
        while len(_MAPS) > MOST_MAPS:
            _MAPS.popitem(last=False)
    return found


@dataclass(frozen=True)
class Fit:
    """A fitted model, what it predicts for the whole dataset, and how far that is from the references.

    It was fitted in this session, or read from a file.

    Attributes
    ----------
    number
        Counts the fits of a session from 1; 0 of what was read from a file.
    model, prediction
        The fitted model and its prediction for every structure of the dataset.
    dataset
        The dataset it was fitted to and tested with.
    train_indices, test_indices
        Which structures it has seen, and which not; all are among the latter where nobody knows.
    split
        The arguments of `Dataset.split_indices` that gave them; empty of what was read from a file.
    seconds
        How long the fit and the prediction took.
    source
        The file it was read from, if it was.
    """

    number: int
    model: Potential
    prediction: Prediction
    dataset: Dataset
    train_indices: IntArray
    test_indices: IntArray
    split: Mapping[str, Any]
    seconds: float
    source: Opened | None = None

    @property
    def label(self) -> str:
        """What the fit is called on the screen."""
        return self.source.label if self.source else f"{family(self.model)} #{self.number}"

    @property
    def sets(self) -> tuple[str, str]:
        """What the structures are called that it has seen, and those that it has not: all where nobody knows."""
        known = self.source is None or self.source.trained_on is not None
        return ("train", "test") if known else ("train", "all")

    @property
    def judged_by(self) -> tuple[str, IntArray]:
        """The structures that tell how good it is, and what they are called: for testing, or all where none are."""
        if len(self.test_indices):
            return self.sets[1], self.test_indices
        return "training", self.train_indices

    @cached_property
    def is_test_s(self) -> NDArray[np.bool_]:
        """Whether each structure was kept for testing."""
        return np.isin(np.arange(len(self.dataset)), self.test_indices)

    @cached_property
    def energy_error_s(self) -> Array:
        """Predicted minus reference energy, eV/atom; NaN where the reference is unknown."""
        return (self.prediction.energies - self.dataset.energies) / self.dataset.n_atoms

    @cached_property
    def energy_std_s(self) -> Array | None:
        """Standard deviation of the energy, eV/atom, where the model has one."""
        std_s = self.prediction.energy_std
        return None if std_s is None else std_s / self.dataset.n_atoms

    def calibrations(self, indices: IntArray, of_atoms: Prediction | None = None) -> dict[str, Calibration]:
        """How well the standard deviations of energies and forces tell the errors of some structures, where known.

        Parameters
        ----------
        indices
            Of the structures.
        of_atoms
            The prediction with the standard deviations of atoms, where it was made.
        """
        from potscope.core.calibration import calibration

        return {q: calibration(data, found, q) for q, data, found in self._uncertain(indices, of_atoms)}

    def recalibrations(self, indices: IntArray, of_atoms: Prediction | None = None) -> dict[str, Calibration]:
        """The same once the standard deviations are scaled, each half of the structures by the errors of the other."""
        from potscope.core.calibration import recalibrated

        scaled = {q: recalibrated(data, found, q) for q, data, found in self._uncertain(indices, of_atoms)}
        return {q: one for q, one in scaled.items() if one is not None}

    def _uncertain(self, indices: IntArray, of_atoms: Prediction | None) -> Iterator[tuple[str, Dataset, Prediction]]:
        """What some structures have standard deviations and references of."""
        from potscope.core import metrics
        from potscope.core.calibration import errors_and_stds

        data, found = self.dataset[indices], metrics.taken(of_atoms or self.prediction, indices)
        for quantity, stds in (("energy", found.energy_std), ("force", found.force_std)):
            if stds is not None and len(errors_and_stds(data, found, quantity)[0]):
                yield quantity, data, found

    @cached_property
    def force_error_n(self) -> tuple[Array | None, ...]:
        """Length of the error of the force on each atom, eV/Å, structure by structure."""
        pairs = zip(self.prediction.forces, self.dataset.forces, strict=True)
        return tuple(
            None if reference is None else np.linalg.norm(predicted - reference, axis=1)
            for predicted, reference in pairs
        )

    @cached_property
    def max_force_error_s(self) -> Array:
        """The largest force error in each structure, eV/Å; NaN where the references are unknown."""
        return np.array([np.nan if error is None or not len(error) else error.max() for error in self.force_error_n])

    @cached_property
    def train_errors(self) -> dict[str, float]:
        """Summary of the errors of what was fitted; empty if none of it is here."""
        return self._summary(self.train_indices) if len(self.train_indices) else {}

    @cached_property
    def test_errors(self) -> dict[str, float]:
        """Summary of the errors of what was kept for testing; empty if nothing was."""
        return self._summary(self.test_indices) if len(self.test_indices) else {}

    def _summary(self, indices: IntArray) -> dict[str, float]:
        from potscope.core import metrics

        return metrics.summary(self.dataset[indices], metrics.taken(self.prediction, indices))

    @cached_property
    def errors_by_group(self) -> dict[str, dict[str, float]]:
        """Summary of the errors in each group: of its test structures, or of all where none were kept for testing."""
        from potscope.core import metrics

        indices = self.judged_by[1]
        return metrics.by_group(self.dataset[indices], metrics.taken(self.prediction, indices))

    def force_components(self) -> tuple[Array, Array, IntArray, IntArray]:
        """Reference and predicted components of all known forces (eV/Å), and the structure and the atom of each."""
        known = [s for s, forces_nc in enumerate(self.dataset.forces) if forces_nc is not None]
        if not known:
            return np.empty(0), np.empty(0), np.empty(0, dtype=int), np.empty(0, dtype=int)
        sizes = self.dataset.n_atoms[known]
        reference_p = np.concatenate([forces_nc.ravel() for forces_nc in self.dataset.forces if forces_nc is not None])
        predicted_p = np.concatenate([self.prediction.forces[s].ravel() for s in known])
        atom_p = np.concatenate([np.repeat(np.arange(size), 3) for size in sizes])
        return reference_p, predicted_p, np.repeat(known, 3 * sizes), atom_p


def compute_fit(
    number: int,
    model: Potential,
    dataset: Dataset,
    train_indices: IntArray,
    test_indices: IntArray,
    split: Mapping[str, Any],
    progress: Progress = silent,
    groups: Mapping[str, Any] | None = None,
) -> Fit:
    """Fit a model to some of the structures, with settings of groups if there are any, and predict all of them."""
    start = time.perf_counter()
    model.fit(dataset[train_indices], progress=part(progress, 0.0, 0.85), **({"groups": groups} if groups else {}))
    prediction = model.predict(dataset, progress=part(progress, 0.85, 1.0))
    return Fit(number, model, prediction, dataset, train_indices, test_indices, split, time.perf_counter() - start)


def predict_with(opened: Opened, dataset: Dataset, progress: Progress = silent) -> Fit:
    """What a potential from a file predicts for a dataset, with the structures told apart that it was fitted to."""
    start = time.perf_counter()
    prediction = opened.model.predict(dataset, progress=progress)
    seen_s = np.zeros(len(dataset), dtype=bool) if opened.trained_on is None else opened.trained_on.seen(dataset)
    train, test = np.flatnonzero(seen_s), np.flatnonzero(~seen_s)
    seconds = time.perf_counter() - start
    return Fit(0, opened.model, prediction, dataset, train, test, {}, seconds, opened)


def supercell(atoms: Atoms, repeats: int) -> Atoms:
    """A structure repeated along each of its periodic directions."""
    return atoms.repeat([repeats if periodic else 1 for periodic in atoms.pbc])


def walk(atoms: Atoms, model: Potential, progress: Progress, **settings: Any) -> Iterator[MonteCarloFrame]:
    """A Monte Carlo walk with a fitted model, one frame after the other, all with the elements in the same order."""
    from potscope.core import monte_carlo

    every, total = settings["every"], settings["sweeps"] + settings["equilibration"]
    # frame by frame, as it is between frames that a walk can be cancelled
    for frame in monte_carlo.run(atoms, model, **{**settings, "every": 1}):
        if frame.step % every == 0:
            yield in_order_of(frame, atoms)
        accepted = ", ".join(f"{move} {100 * share:.0f} %" for move, share in frame.acceptance.items())
        progress(frame.step / total, f"sweep {frame.step} of {total}; accepted: {accepted or 'nothing yet'}")


def in_order_of(frame: MonteCarloFrame, atoms: Atoms) -> MonteCarloFrame:
    """A frame whose atoms have the elements of a structure in its order, wherever exchanges have brought them.

    Two elements exchanged are the same as two atoms that have changed places; and pictures need the latter.
    """
    if np.array_equal(frame.atoms.numbers, atoms.numbers):
        return frame
    place_n = np.empty(len(atoms), dtype=int)
    place_n[np.argsort(atoms.numbers, kind="stable")] = np.argsort(frame.atoms.numbers, kind="stable")
    return replace(frame, atoms=frame.atoms[place_n], forces=frame.forces[place_n])


def simulate(atoms: Atoms, model: Potential, progress: Progress, **settings: Any) -> Iterator[Frame]:
    """Molecular dynamics with a fitted model, one frame after the other."""
    from potscope.core import dynamics

    steps = settings["steps"]
    for frame in dynamics.run(atoms, model.calculator(), **settings):
        yield frame
        progress(frame.step / steps, f"step {frame.step} of {steps}, {frame.temperature:.0f} K")
