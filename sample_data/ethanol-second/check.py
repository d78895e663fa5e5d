"""More ethanol: is the set sane? Prints the figures that the README gives.

Some need what ``generate.py --check`` computes; without it that part is left out.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist, pdist

import potscope.sample_data
from potscope.core.dataset import Dataset
from potscope.sample_data import checks, molecular_checks
from potscope.sample_data.ethanol_dynamics import BONDS, HYDROXYL

from generate import CHECKED, DATA  # isort: skip - the script beside this one


def beside(data: Dataset, other: Dataset) -> None:
    """Print how near each configuration is to the nearest one of the other set: largest differences of distances."""
    mine_sp, others_sp = (np.array([pdist(atoms.positions) for atoms in one.structures]) for one in (data, other))
    between = cdist(mine_sp, others_sp, "chebyshev").min(axis=1)
    within = cdist(others_sp, others_sp, "chebyshev")
    np.fill_diagonal(within, np.inf)
    print(
        f"nearest of the set {other.name}: {between.min():.2f} to {between.max():.2f} Å, "
        f"median {np.median(between):.2f} (within that set {np.median(within.min(axis=1)):.2f})"
    )


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("ethanol-second")
    checks.overview(data)
    beside(data, potscope.sample_data.load("ethanol"))
    work = DATA.parent / ".work"
    molecular_checks.at_rest(data, work / "check-trans.xyz", "trans ethanol", BONDS, HYDROXYL)
    molecular_checks.finite_differences(data, CHECKED, work)


if __name__ == "__main__":
    main()
