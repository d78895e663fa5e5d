"""Elastic constants by finite strains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms, units

from potscope.core._types import Array
from potscope.core.local_updates import Source
from potscope.core.physics.common import Found, Quantity, calculator_of, relaxed
from potscope.core.progress import Progress, silent
from potscope.core.validation import check_choice, check_positive

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
CUBIC = {
    "C11": ((0, 0), (1, 1), (2, 2)),
    "C12": ((0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)),
    "C44": ((3, 3), (4, 4), (5, 5)),
}
CLAMPED, BULK = "C44, atoms not relaxed", "bulk modulus, all strained alike"


@dataclass(frozen=True, eq=False)
class ElasticConstants(Found):
    """Elastic constants of a crystal whose atoms follow the strain and then relax.

    Attributes
    ----------
    C_vv
        The whole matrix, Voigt order xx yy zz yz xz xy, with shears γ = 2ε, GPa.
    clamped_vv
        The same for atoms that do not relax, GPa.
    volume
        Of the relaxed crystal, Å³/atom.
    reference
        As they should be, GPa, for some of the names in `quantities`.
    """

    C_vv: Array
    clamped_vv: Array
    volume: float
    reference: Mapping[str, float] = field(default_factory=dict)

    def cubic(self, name: str, clamped: bool = False) -> float:
        """C11, C12 or C44 of a crystal with axes along x, y, z, the mean of what is equal by symmetry, GPa."""
        C_vv = self.clamped_vv if clamped else self.C_vv
        return float(np.mean([C_vv[place] for place in CUBIC[name]]))

    @property
    def not_cubic(self) -> float:
        """The largest difference of the matrix from that of a cubic crystal, GPa."""
        cubic_vv = np.zeros((6, 6))
        for name, places in CUBIC.items():
            for place in places:
                cubic_vv[place] = self.cubic(name)
        return float(np.abs(self.C_vv - cubic_vv).max())

    @property
    def stable(self) -> bool:
        """Whether every strain costs energy: all eigenvalues are positive (Born's criterion)."""
        return bool(np.linalg.eigvalsh((self.C_vv + self.C_vv.T) / 2).min() > 0)

    def quantities(self) -> tuple[Quantity, ...]:
        """The cubic constants, C44 without relaxation, the bulk modulus, and the distance from a cubic matrix."""
        values = {name: self.cubic(name) for name in CUBIC}
        values[CLAMPED] = self.cubic("C44", clamped=True)
        values[BULK] = float(self.C_vv[:3, :3].mean())
        return (
            *(Quantity(name, value, "GPa", self.reference.get(name)) for name, value in values.items()),
            Quantity("largest difference from cubic", self.not_cubic, "GPa", 0.0),
        )


def elastic_constants(
    source: Source,
    crystal: Atoms,
    strain: float = 0.005,
    largest_force: float = 1e-4,
    reference: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> ElasticConstants:
    r"""Stresses of a crystal strained a little, both ways along each of the six components.

    The cell is relaxed first. Then, by least squares over twelve strained cells,

    .. math:: \sigma_v = \sigma^0_v + \sum_{v'} C_{vv'}\, \epsilon_{v'} , \qquad
        \epsilon_{v'} = \pm\epsilon \text{ one at a time,}

    with the atoms where the strain has put them, and again when they have relaxed. Terms of second order in the strain
    cancel; those of third are left.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator, with stresses.
    crystal
        Periodic in three directions; for `ElasticConstants.cubic` with its cubic axes along x, y, z.
    strain
        :math:`\epsilon`, without unit.
    largest_force
        Where relaxations end, eV/Å.
    reference
        As they should be, GPa, by the names of `ElasticConstants.quantities`.
    progress
        Called before every strain.

    Raises
    ------
    Unrelaxed
        If a relaxation does not end.
    ValueError
        If the structure is not a crystal, or `reference` has other names.
    """
    check_positive("strain", strain)
    for name in reference or {}:
        check_choice("reference", name, (*CUBIC, CLAMPED, BULK))
    if not crystal.pbc.all():
        raise ValueError("`crystal`: expected a structure that is periodic in three directions")
    progress(0.0, "relaxing the cell")
    rest = relaxed(crystal, source, cell=True, largest_force=largest_force)
    calculator = calculator_of(source)
    strain_kv = strain * np.concatenate([np.eye(6), -np.eye(6)])
    stresses: list[tuple[Array, Array]] = []
    for k, strain_v in enumerate(strain_kv):
        progress((k + 1) / (len(strain_kv) + 1), f"strain {k + 1} of {len(strain_kv)}")
        atoms = strained(rest, strain_v)
        clamped_v = np.array(calculator.get_property("stress", atoms))
        moved = relaxed(atoms, source, largest_force=largest_force)
        stresses.append((clamped_v, np.array(calculator.get_property("stress", moved))))
    rows = np.column_stack([strain_kv, np.ones(len(strain_kv))])
    clamped_vv, C_vv = (
        np.linalg.lstsq(rows, np.array(column), rcond=None)[0][:6].T / units.GPa
        for column in zip(*stresses, strict=True)
    )
    return ElasticConstants(C_vv, clamped_vv, rest.get_volume() / len(rest), dict(reference or {}))


def strained(atoms: Atoms, strain_v: Array) -> Atoms:
    """A copy with cell and positions deformed by a small strain, Voigt order, shears γ = 2ε."""
    deformation_cc = np.eye(3)
    for (a, b), amount in zip(VOIGT, strain_v, strict=True):
        deformation_cc[a, b] += amount / (1 if a == b else 2)
        deformation_cc[b, a] += 0.0 if a == b else amount / 2
    copy: Atoms = atoms.copy()
    copy.set_cell(copy.cell.array @ deformation_cc, scale_atoms=True)
    return copy
