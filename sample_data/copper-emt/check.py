"""Copper by EMT: is the set sane? Prints the figures that the README gives."""

from __future__ import annotations

from ase import Atoms
from ase.calculators.emt import EMT

import potscope.sample_data
from potscope.sample_data import checks

CHECKED = ("strained-050", "rattled-075", "slab-041", "liquid-010", "random-alloy-060")


def emt_energy(atoms: Atoms) -> float:
    """Computed on the spot."""
    calculated = atoms.copy()
    calculated.calc = EMT()
    return float(calculated.get_potential_energy())


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("copper-emt")
    checks.overview(data)
    pure = {}
    for name, first, count in (("Cu", "strained", 15), ("Au", "gold", 11)):
        members = checks.chosen(data, [f"{first}-{number:03d}" for number in range(count)])
        volume, pure[name], modulus = checks.equation_of_state(data, members[2:-2])
        constant = (4 * volume) ** (1 / 3)
        print(f"{name}: lattice constant {constant:.3f} Å, bulk modulus {modulus:.0f} GPa, {pure[name]:.4f} eV/atom")
    for first, (name, gold) in enumerate({"Cu3Au": 0.25, "CuAu": 0.5, "CuAu3": 0.75}.items()):
        members = checks.chosen(data, [f"ordered-alloy-{number:03d}" for number in range(9 * first, 9 * first + 9)])
        volume, energy, modulus = checks.equation_of_state(data, members)
        formation = 1000 * (energy - (1 - gold) * pure["Cu"] - gold * pure["Au"])
        print(f"{name}: {volume:.2f} Å³/atom, bulk modulus {modulus:.0f} GPa, formation {formation:+.0f} meV/atom")
    checks.finite_differences(data, CHECKED, emt_energy)


if __name__ == "__main__":
    main()
