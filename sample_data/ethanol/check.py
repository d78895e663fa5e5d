"""Ethanol: is the set sane? Prints the figures that the README gives.

Some need what ``generate.py --check`` computes; without it that part is left out.
"""

from __future__ import annotations

import potscope.sample_data
from potscope.sample_data import checks, molecular_checks
from potscope.sample_data.ethanol_dynamics import BONDS, HYDROXYL

from generate import CHECKED, DATA  # isort: skip - the script beside this one


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("ethanol")
    checks.overview(data)
    work = DATA.parent / ".work"
    molecular_checks.at_rest(data, work / "check-trans.xyz", "trans ethanol", BONDS, HYDROXYL)
    molecular_checks.finite_differences(data, CHECKED, work)


if __name__ == "__main__":
    main()
