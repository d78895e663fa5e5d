"""Silicon carbide: is the set sane? Prints the figures that the README gives.

The finite differences need the copies that ``generate.py --check`` computes.
"""

from __future__ import annotations

import potscope.sample_data
from potscope.sample_data import checks, espresso

from generate import CHECKED, WORK  # isort: skip - the script beside this one


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("silicon-carbide")
    checks.overview(data)
    volumes = checks.chosen(data, [f"strained-{number:03d}" for number in range(11)])
    volume, _, modulus = checks.equation_of_state(data, volumes)
    print(f"zincblende: lattice constant {(8 * volume) ** (1 / 3):.3f} Å, bulk modulus {modulus:.1f} GPa")
    checks.finite_differences(data, CHECKED, checks.stored_energy(WORK))
    print(f"pw.x: {espresso.cpu_minutes(WORK / 'scratch'):.0f} CPU-minutes")


if __name__ == "__main__":
    main()
