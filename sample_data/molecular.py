"""Electronic structure of molecules for the generators of reference data: PBE with PySCF, GFN2-xTB with tblite.

Only generators and tests import what these need, and only when it is needed: the extra ``data`` of the project.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator

from potscope.sample_data.generation import ReferenceFailed

FUNCTIONAL = "pbe"
BASIS = "def2-svp"
GRID_LEVEL = 3
ENERGY_TOLERANCE = 1e-9  # Hartree
GRADIENT_TOLERANCE = 1e-5  # Hartree, norm of the orbital gradient; the error of the energy is of second order in it
ENERGY_ONLY_TOLERANCE = 1e-4  # the same where no forces follow: energies are within 1e-8 Hartree
STABILITY_TOLERANCE = 1e-6  # Hartree
MAX_CORRECTIONS = 12
METHOD = "PySCF, PBE/def2-SVP, density fitting, grid level 3, CC0"

_COARSE_LEVEL = 0
_FIRST_TOLERANCE, _COARSE_TOLERANCE = 1e-7, 1e-11  # Hartree, of the first and later solutions on the coarse grid
_GRADIENT_UNIT = units.Hartree / units.Bohr


class NotConverged(ReferenceFailed):
    """A self-consistent calculation that did not converge."""


def kohn_sham(atoms: Atoms, spin: int = 0, unrestricted: bool = False) -> Any:
    r"""A Kohn–Sham calculation, not yet run.

    Parameters
    ----------
    atoms
        The molecule; no cell is used.
    spin
        Number of unpaired electrons.
    unrestricted
        Whether α and β orbitals may differ; with unpaired electrons they always do.
    """
    from pyscf import dft, gto, lib

    lib.num_threads(1)
    molecule = gto.M(
        atom=list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)),
        basis=BASIS,
        spin=spin,
        unit=units.Bohr,
        verbose=0,
    )
    plain = (dft.UKS if spin or unrestricted else dft.RKS)(molecule)
    _without_checkpoint(plain)
    calculation = plain.density_fit()
    calculation.xc = FUNCTIONAL
    calculation.grids.level = GRID_LEVEL
    calculation.with_df.build()  # or the integrals would be computed anew in every iteration
    calculation.conv_tol = ENERGY_TOLERANCE
    return calculation


def _without_checkpoint(calculation: Any) -> None:
    """Close the temporary file that a calculation would write its orbitals to, which PySCF leaves open."""
    calculation.chkfile = None
    if (file := vars(calculation).pop("_chkfile", None)) is not None:
        file.close()


def solve(fine: Any, density: Any = None, tolerance: float = GRADIENT_TOLERANCE) -> None:
    r"""Make a Kohn–Sham calculation self-consistent, most of the work done on a coarse grid.

    The coarse calculation carries the potential that its grid lacks,

    .. math:: \Delta V = V^\mathrm{fine}[\rho_k] - V^\mathrm{coarse}[\rho_k],

    so that its solution :math:`\rho_{k+1}` is the one of the fine grid but for an error that is proportional to
    :math:`\rho_{k+1} - \rho_k` and to the difference of the grids: two or three steps, each with one potential on
    the fine grid, in place of ten or so. What it ends with is the solution on the fine grid: what is small in the end
    is the orbital gradient *on the fine grid*.

    Parameters
    ----------
    fine
        From `kohn_sham`. Orbitals and energy are left in it, as its own ``kernel`` would.
    density
        Density matrix to start from.
    tolerance
        Of the norm of the orbital gradient, Hartree.

    Raises
    ------
    NotConverged
        If either calculation does not converge.
    """
    coarse = _on_coarse_grid(fine)
    coarse.conv_tol = _FIRST_TOLERANCE
    coarse.max_cycle = 200
    plain_potential = coarse.get_veff
    correction = _Correction(plain_potential)
    coarse.get_veff = correction
    core, overlap = fine.get_hcore(), fine.get_ovlp()
    for _ in range(MAX_CORRECTIONS):
        coarse.kernel(dm0=density)
        density = coarse.make_rdm1()
        potential = fine.get_veff(dm=density)
        energy = fine.energy_tot(density, core, potential)
        fock = fine.get_fock(core, overlap, potential, density)
        gradient = np.linalg.norm(fine.get_grad(coarse.mo_coeff, coarse.mo_occ, fock))
        if gradient < tolerance:
            fine.mo_coeff, fine.mo_occ, fine.mo_energy = coarse.mo_coeff, coarse.mo_occ, coarse.mo_energy
            fine.e_tot, fine.converged = float(energy), True
            return
        coarse.conv_tol = _COARSE_TOLERANCE
        correction.matrix = np.asarray(potential) - np.asarray(plain_potential(dm=density))
    raise NotConverged(f"energy {energy:.9f} Hartree, orbital gradient {gradient:.1e} after {MAX_CORRECTIONS} steps")


def _on_coarse_grid(calculation: Any) -> Any:
    coarse = calculation.copy()
    coarse.grids = type(calculation.grids)(calculation.mol)
    coarse.grids.level = _COARSE_LEVEL
    return coarse


class _Correction:
    """An effective potential with a constant matrix added, and its part of the energy."""

    def __init__(self, potential: Callable[..., Any]) -> None:
        self.potential = potential
        self.matrix: Any = 0.0

    def __call__(self, mol: Any = None, dm: Any = None, *arguments: Any, **options: Any) -> Any:
        from pyscf import lib

        plain = self.potential(mol, dm, *arguments, **options)
        added = float(np.sum(self.matrix * np.asarray(dm))) if np.ndim(self.matrix) else 0.0
        return lib.tag_array(
            np.asarray(plain) + self.matrix, ecoul=plain.ecoul, exc=plain.exc + added, vj=None, vk=None
        )


def forces(calculation: Any) -> np.ndarray:
    """Forces of a calculation that was solved, eV/Å: exact derivatives of the energy, moving grid included."""
    gradient = calculation.nuc_grad_method()
    gradient.grid_response = True
    return -np.asarray(gradient.kernel()) * _GRADIENT_UNIT


def lowest(atoms: Atoms, moments: Sequence[float]) -> Any:
    r"""The lowest solution of an open-shell or stretched molecule, spin symmetry broken where that lowers the energy.

    Solved from the neutral atoms without spin and from the atoms with the given moments, whose sum is the number of
    unpaired electrons. The lower of the two is then made stable: where the Hessian with respect to rotations of its
    orbitals (on the coarse grid) has a negative eigenvalue, they are rotated along it and solved again, until that
    lowers the energy by less than `STABILITY_TOLERANCE`.

    Parameters
    ----------
    atoms
        The molecule.
    moments
        Number of unpaired electrons of each atom, negative for β, shape (atoms,).

    Raises
    ------
    NotConverged
        If no start leads to a solution, or stability is not reached.
    """
    solved = []
    for guess in ([0.0] * len(atoms), moments):
        calculation = kohn_sham(atoms, spin=round(abs(sum(moments))), unrestricted=True)
        density = atomic_density(calculation, guess)
        try:
            solve(calculation, density)
        except NotConverged:
            calculation = _second_order(calculation, density)
        solved.append(calculation)
    best = min(solved, key=lambda calculation: float(calculation.e_tot))
    for _ in range(MAX_CORRECTIONS):
        orbitals, _external, stable, _unknown = _on_coarse_grid(best).stability(return_status=True)
        if stable:
            return best
        rotated = _second_order(best, best.make_rdm1(orbitals, best.mo_occ))
        if rotated.e_tot > best.e_tot - STABILITY_TOLERANCE:  # a rotation of degenerate orbitals, and noise of the grid
            return best
        best = rotated
    raise NotConverged(f"no stable solution after {MAX_CORRECTIONS} rotations of orbitals")


def atomic_density(calculation: Any, moments: Sequence[float]) -> Any:
    """Density matrices of α and β electrons of the neutral atoms, each with so many unpaired electrons."""
    total = np.asarray(calculation.init_guess_by_minao()).reshape(-1, calculation.mol.nao, calculation.mol.nao).sum(0)
    spins = np.stack([total / 2, total / 2])
    for a, (moment, (_, _, first, last)) in enumerate(zip(moments, calculation.mol.aoslice_by_atom(), strict=True)):
        share = moment / calculation.mol.atom_charge(a) / 2
        block = total[first:last, first:last]
        spins[0, first:last, first:last] += share * block
        spins[1, first:last, first:last] -= share * block
    return spins


def _second_order(calculation: Any, density: Any) -> Any:
    """Solve with PySCF's second-order method, on the fine grid alone: slower and surer."""
    newton = calculation.newton()
    newton.max_cycle = 200
    newton.kernel(dm0=density)
    if not newton.converged:
        raise NotConverged(f"energy {newton.e_tot:.9f} Hartree after {newton.max_cycle} second-order steps")
    return newton.undo_newton()


def open_shell(atoms: Atoms, moments: Sequence[float]) -> Atoms:
    """Energy and forces of `lowest`, and ⟨S²⟩, as a copy with ``REF_energy``, ``REF_forces`` and ``spin_squared``."""
    calculation = lowest(atoms, moments)
    result: Atoms = atoms.copy()
    result.info["REF_energy"] = calculation.e_tot * units.Hartree
    result.info["spin_squared"] = round(float(calculation.spin_square()[0]), 4)
    result.arrays["REF_forces"] = forces(calculation).round(6)
    return result


def pbe(atoms: Atoms, scratch: Path | None = None, with_forces: bool = True) -> Atoms:  # noqa: ARG001 - of generation.run
    """Energy (eV) and forces (eV/Å) of a closed-shell molecule, as a copy with ``REF_energy`` and ``REF_forces``."""
    calculation = kohn_sham(atoms)
    solve(calculation, tolerance=GRADIENT_TOLERANCE if with_forces else ENERGY_ONLY_TOLERANCE)
    result: Atoms = atoms.copy()
    result.info["REF_energy"] = calculation.e_tot * units.Hartree
    if with_forces:
        result.arrays["REF_forces"] = forces(calculation).round(6)
    return result


def xtb(unpaired: int = 0) -> Calculator:
    """GFN2-xTB as an ASE calculator, with so many unpaired electrons."""
    from tblite.ase import TBLite

    calculator: Calculator = TBLite(method="GFN2-xTB", multiplicity=unpaired + 1, verbosity=0)
    return calculator
