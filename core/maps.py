"""Maps: structures as points in a plane, near to each other where a kernel finds them alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from sklearn.decomposition import KernelPCA

from potscope.core._types import Array
from potscope.core.descriptors import Descriptor
from potscope.core.kernels import average_kernel, farthest_points, normalised_kernel, self_kernel
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures

MOST_LANDMARKS = 1500  # structures; kernel PCA costs their third power
ATOMS_A_BATCH = 4000


def structure_map(
    structures: Sequence[Atoms],
    descriptor: Descriptor,
    zeta: float = 2.0,
    n_components: int = 2,
    progress: Progress = silent,
) -> Array:
    r"""Kernel principal components of the normalised average kernel between structures.

    The components are the directions of greatest variance in the space of the kernel: with the centred kernel
    :math:`\tilde K \mathbf u_k = \lambda_k \mathbf u_k`, structure s stands at
    :math:`x_{sk} = \sqrt{\lambda_k}\, u_{sk}`. Of a large set, the components are found from structures that are
    chosen farthest apart, and the others are projected on them.

    Parameters
    ----------
    structures
        At least one.
    descriptor
        Local or global.
    zeta
        Power of the environment kernel; see `kernels.polynomial_kernel`.
    n_components
        Dimensions of the map.
    progress
        Called with the fraction done.

    Returns
    -------
    x_sk
        Coordinates, no unit, shape (structures, n_components). Each component's largest deviation is positive, so that
        the same set gives the same map.

    References
    ----------
    B. Schölkopf, A. Smola, K.-R. Müller, Neural Comput. 10, 1299 (1998). doi:10.1162/089976698300017467
    """
    found = as_structures(structures)
    if not found:
        raise ValueError("`structures`: expected at least one structure, got none")
    landmarks = _landmarks(found, descriptor, part(progress, 0.0, 0.3))
    features = descriptor.compute([found[s] for s in landmarks])
    kernel_ll = average_kernel(features, zeta=zeta, progress=part(progress, 0.3, 0.6))
    size = min(n_components, len(landmarks))
    pca = KernelPCA(size, kernel="precomputed", eigen_solver="dense")
    x_sk = np.zeros((len(found), n_components))
    placed = pca.fit_transform(normalised_kernel(kernel_ll))
    x_sk[landmarks, : placed.shape[1]] = placed
    own_l = np.sqrt(np.diag(kernel_ll))
    rest = np.setdiff1d(np.arange(len(found)), landmarks)
    for batch in _batches([found[s] for s in rest]):
        progress(0.6 + 0.4 * batch.start / len(rest), "placing the structures")
        others = descriptor.compute([found[s] for s in rest[batch]])
        own_b = np.sqrt(self_kernel(others, zeta))
        x_sk[rest[batch], : placed.shape[1]] = pca.transform(
            average_kernel(others, features, zeta) / own_b[:, None] / own_l
        )
    deepest = np.abs(x_sk).argmax(axis=0)
    sign_k = np.where(x_sk[deepest, np.arange(n_components)] < 0, -1.0, 1.0)
    return x_sk * sign_k


def _landmarks(structures: Sequence[Atoms], descriptor: Descriptor, progress: Progress) -> list[int]:
    if len(structures) <= MOST_LANDMARKS:
        return list(range(len(structures)))
    means = []
    for batch in _batches(structures):
        progress(batch.start / len(structures), "choosing landmarks")
        features = descriptor.compute(structures[batch])
        sums = np.add.reduceat(features.values, features.first_row_s[:-1], axis=0)
        means.append(sums / np.diff(features.first_row_s)[:, None])
    return [int(s) for s in np.sort(farthest_points(np.concatenate(means), MOST_LANDMARKS))]


def _batches(structures: Sequence[Atoms]) -> list[slice]:
    edges, atoms = [0], 0
    for index, structure in enumerate(structures):
        atoms += len(structure)
        if atoms >= ATOMS_A_BATCH:
            edges.append(index + 1)
            atoms = 0
    edges.append(len(structures))
    return [slice(first, last) for first, last in itertools.pairwise(edges) if last > first]
