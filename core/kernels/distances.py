"""Distances between structures: those that a kernel induces, and those between the rows of a global descriptor."""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array
from potscope.core.kernels.environments import squared_distances
from potscope.core.kernels.manhattan import manhattan_distances
from potscope.core.validation import check_choice


def kernel_distance(kernel_ss: Array) -> Array:
    r"""Distances :math:`\sqrt{K(A,A)+K(B,B)-2K(A,B)}` between structures, shape (structures, structures)."""
    own_s = np.diag(kernel_ss)
    squared = own_s[:, None] + own_s[None, :] - 2 * kernel_ss
    return np.sqrt(np.maximum(squared, 0.0))


def feature_distance(values_sf: Array, others_tf: Array | None = None, norm: str = "L2") -> Array:
    r"""Distances between rows of features, such as Coulomb matrices, shape (s, t).

    .. math:: d_{L2} = \sqrt{\sum_f (x_{sf} - y_{tf})^2}, \qquad d_{L1} = \sum_f |x_{sf} - y_{tf}|

    L2 between eigenspectra is the distance of Rupp et al. (2012); L1 between sorted matrices that of Hansen et al.

    Parameters
    ----------
    values_sf, others_tf
        Features of two sets; the same set twice where `others_tf` is None.
    norm
        ``"L1"`` or ``"L2"``.

    References
    ----------
    M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012).
    doi:10.1103/PhysRevLett.108.058301

    K. Hansen et al., J. Chem. Theory Comput. 9, 3404 (2013). doi:10.1021/ct400195d
    """
    check_choice("norm", norm, ("L1", "L2"))
    others = values_sf if others_tf is None else others_tf
    if norm == "L1":
        return manhattan_distances(values_sf, others)
    squared_st = squared_distances(values_sf, others)
    return np.sqrt(squared_st, out=squared_st)
