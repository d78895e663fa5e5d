r"""Kernels between environments and between structures, the distances they induce, and the choice of sparse points.

The kernel between two environments is by default a power of the cosine between their features,

.. math::
    k(i, j) = \left(\hat{\mathbf p}_i \cdot \hat{\mathbf p}_j\right)^\zeta, \qquad
    \hat{\mathbf p} = \mathbf p / |\mathbf p|,

and the kernel between two structures its average over all pairs of their atoms. `REGISTRY` has all kernels between
environments by the names of their classes, `STRUCTURE_REGISTRY` all kernels between structures, `SELECTIONS` all ways
of choosing sparse points by the name that `select` takes.
"""

from __future__ import annotations

from potscope.core.kernels.distances import feature_distance, kernel_distance
from potscope.core.kernels.environments import (
    REGISTRY,
    Kernel,
    Laplacian,
    PolynomialKernel,
    SimilarityKernel,
    SquaredExponential,
    normalised,
    polynomial_kernel,
    power,
    squared_distances,
)
from potscope.core.kernels.farthest import farthest_points
from potscope.core.kernels.manhattan import manhattan_distances
from potscope.core.kernels.selection import (
    SELECTIONS,
    cur_points,
    leading_points,
    leverage_points,
    random_points,
    select,
    uniform_points,
)
from potscope.core.kernels.structures import (
    ROWS_AT_ONCE,
    STRUCTURE_REGISTRY,
    AverageKernel,
    BestMatchKernel,
    REMatchKernel,
    StructureKernel,
    SumKernel,
    average_kernel,
    normalised_kernel,
    self_kernel,
)

__all__ = [
    "REGISTRY",
    "ROWS_AT_ONCE",
    "SELECTIONS",
    "STRUCTURE_REGISTRY",
    "AverageKernel",
    "BestMatchKernel",
    "Kernel",
    "Laplacian",
    "PolynomialKernel",
    "REMatchKernel",
    "SimilarityKernel",
    "SquaredExponential",
    "StructureKernel",
    "SumKernel",
    "average_kernel",
    "cur_points",
    "farthest_points",
    "feature_distance",
    "kernel_distance",
    "leading_points",
    "leverage_points",
    "manhattan_distances",
    "normalised",
    "normalised_kernel",
    "polynomial_kernel",
    "power",
    "random_points",
    "select",
    "self_kernel",
    "squared_distances",
    "uniform_points",
]
