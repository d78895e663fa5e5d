"""Ethanol: is the set sane? Prints the figures that the README gives.

Some need what ``generate.py --check`` computes; without it that part is left out.
"""

from __future__ import annotations

import ase.io

import potscope.sample_data
from potscope.sample_data import checks, molecular_checks
from potscope.sample_data.ethanol_dynamics import BONDS, HYDROXYL

from generate import CHECKED, DATA  # isort: skip - the script beside this one


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("ethanol")
    checks.overview(data)
    work = DATA.parent / ".work"
    trans = next((frame for file in work.glob("check-trans.xyz") for frame in ase.io.iread(file)), None)
    if trans is not None:
        lengths = ", ".join(f"{bond} {trans.get_distance(*pairs[0]):.3f}" for bond, pairs in BONDS.items())
        print(f"relaxed trans ethanol: {trans.info['REF_energy']:.4f} eV, {lengths} Å")
        molecular_checks.thermal(data, trans.info["REF_energy"], BONDS, HYDROXYL)
    molecular_checks.finite_differences(data, CHECKED, work)


if __name__ == "__main__":
    main()
