"""Maps: structures as points in a plane, near to each other where a kernel finds them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from sklearn.decomposition import KernelPCA

from potscope.core._types import Array
from potscope.core.batches import batches
from potscope.core.descriptors import Descriptor
from potscope.core.features import Features
from potscope.core.kernels import (
    STRUCTURE_REGISTRY,
    PolynomialKernel,
    StructureKernel,
    farthest_points,
    normalised,
    normalised_kernel,
)
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures, check_choice, check_integer

MOST_LANDMARKS = 1500  # structures; kernel PCA costs their third power
MOST_LANDMARK_ATOMS = 5000  # as each of all atoms is compared with each of theirs
FEWEST_LANDMARKS = 100
MANY_ATOMS = 3000  # of the landmarks; of fewer, all features are compared
NEGLECTED = 1e-3  # of the squared length of the features, where they are expressed in fewer axes


def structure_map(
    structures: Sequence[Atoms],
    descriptor: Descriptor,
    zeta: float = 2.0,
    n_components: int = 2,
    progress: Progress = silent,
    kernel: str | StructureKernel = "average",
) -> Array:
    r"""Kernel principal components of a normalised kernel between structures.

    The components are the directions of greatest variance in the space of the kernel: with the centred kernel
    :math:`\tilde K \mathbf u_k = \lambda_k \mathbf u_k`, structure s stands at
    :math:`x_{sk} = \sqrt{\lambda_k}\, u_{sk}`. Of a large set, the components are found from structures that are
    chosen farthest apart, and the others are projected on them; their features are expressed in the few principal axes
    that hold all but a thousandth of their squared length.

    Parameters
    ----------
    structures
        At least one.
    descriptor
        Local or global.
    zeta
        Power of the environment kernel; see `kernels.PolynomialKernel`.
    n_components
        Dimensions of the map.
    progress
        Called with the fraction done.
    kernel
        Between structures: ``"average"``, ``"sum"``, ``"best match"``, ``"rematch"``, or one of
        `kernels.STRUCTURE_REGISTRY`'s classes with hyperparameters of your own.

    Returns
    -------
    x_sk
        Coordinates, no unit, shape (structures, n_components). Each component's largest deviation is positive, so that
        the same set gives the same map.

    Raises
    ------
    ValueError
        If there is no structure, no component is wanted, or `kernel` is not one of those.

    References
    ----------
    B. Schölkopf, A. Smola, K.-R. Müller, Neural Comput. 10, 1299 (1998). doi:10.1162/089976698300017467
    """
    found = as_structures(structures)
    if not found:
        raise ValueError("`structures`: expected at least one structure, got none")
    check_integer("n_components", n_components, 1)
    between, environment = _structure_kernel(kernel), PolynomialKernel(zeta)
    landmarks = _landmarks(found, descriptor, part(progress, 0.0, 0.3))
    progress(0.3, "describing the environments")
    features = descriptor.compute([found[s] for s in landmarks])
    axes = _Axes.of(features)
    features = axes.express(features)
    kernel_ll = between.matrix(features, None, environment, part(progress, 0.3, 0.6))
    size = min(n_components, len(landmarks))
    pca = KernelPCA(size, kernel="precomputed", eigen_solver="dense")
    x_sk = np.zeros((len(found), n_components))
    placed = pca.fit_transform(normalised_kernel(kernel_ll))
    x_sk[landmarks, : placed.shape[1]] = placed
    own_l = np.sqrt(np.diag(kernel_ll))
    rest = np.setdiff1d(np.arange(len(found)), landmarks)
    for batch, structures_of_batch in batches([found[s] for s in rest], descriptor):
        progress(0.6 + 0.4 * batch.start / len(rest), "placing the structures")
        others = axes.express(descriptor.compute(structures_of_batch))
        own_b = np.sqrt(between.diagonal(others, environment))
        x_sk[rest[batch], : placed.shape[1]] = pca.transform(
            between.matrix(others, features, environment) / own_b[:, None] / own_l
        )
    deepest = np.abs(x_sk).argmax(axis=0)
    sign_k = np.where(x_sk[deepest, np.arange(n_components)] < 0, -1.0, 1.0)
    return x_sk * sign_k


@dataclass(frozen=True)
class _Axes:
    """Orthonormal axes in the space of the features, in columns; None for all features as they are."""

    axes_fk: Array | None

    @classmethod
    def of(cls, features: Features) -> _Axes:
        n_rows, n_features = features.values.shape
        if n_rows < MANY_ATOMS:
            return cls(None)
        unit_nf = normalised(features.values)[0]
        length2_k, axes_fk = np.linalg.eigh(unit_nf.T @ unit_nf)
        kept_k = np.cumsum(length2_k) > NEGLECTED * length2_k.sum()
        return cls(np.ascontiguousarray(axes_fk[:, kept_k]) if kept_k.sum() < n_features else None)

    def express(self, features: Features) -> Features:
        """The same rows in these axes."""
        if self.axes_fk is None:
            return features
        names = tuple(f"axis {k}" for k in range(self.axes_fk.shape[1]))
        return replace(features, values=normalised(features.values)[0] @ self.axes_fk, names=names)


def _structure_kernel(kernel: str | StructureKernel) -> StructureKernel:
    if isinstance(kernel, StructureKernel):
        return kernel
    return STRUCTURE_REGISTRY[check_choice("kernel", kernel, STRUCTURE_REGISTRY)]()


def _landmarks(structures: Sequence[Atoms], descriptor: Descriptor, progress: Progress) -> list[int]:
    wanted = _number_of_landmarks(structures)
    if len(structures) <= wanted:
        return list(range(len(structures)))
    means = []
    for places, batch in batches(structures, descriptor):
        progress(places.start / len(structures), "choosing landmarks")
        features = descriptor.compute(batch)
        sums = np.add.reduceat(features.values, features.first_row_s[:-1], axis=0)
        means.append(sums / np.diff(features.first_row_s)[:, None])
    return [int(s) for s in np.sort(farthest_points(np.concatenate(means), wanted))]


def _number_of_landmarks(structures: Sequence[Atoms]) -> int:
    """All of a small set; of a large one as many as keep the cost within bounds."""
    atoms = sum(len(structure) for structure in structures)
    by_atoms = MOST_LANDMARK_ATOMS * len(structures) // max(1, atoms)
    return min(MOST_LANDMARKS, max(FEWEST_LANDMARKS, by_atoms))
