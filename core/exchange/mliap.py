r"""Any potential of neighbourhoods in LAMMPS, through the Python interface of ML-IAP.

A LAMMPS that was built with ML-IAP and Python gives a model its neighbour list: local atoms i, neighbours j among local
and ghost atoms, vectors :math:`\mathbf D_p`, elements. It takes the energies of the local atoms, and the forces on
local and ghost atoms, which it adds up over the images; the pressure follows from these forces.

In the process of LAMMPS the Python must be able to import potscope. Units are ``metal``. There are no stresses of
single atoms. LAMMPS has to be built with ``PKG_PYTHON``, ``PKG_ML-SNAP``, ``PKG_ML-IAP`` and ``MLIAP_ENABLE_PYTHON``.
The packages that one installs are not (PyPI's 2025.7.22, Debian's 20250204 and 20260704), and LAMMPS says "requires
ML-IAP with python support" or that the style is unknown: there `attach_to_lammps` is the way. With a LAMMPS of 4
February 2025 built so, energies and forces agree to 1e-12.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.exchange.lammps_commands import write_run
from potscope.core.exchange.lines import ExchangeError
from potscope.core.models.base import LocalPotential
from potscope.core.pairs import Pairs


@dataclass(frozen=True)
class MliapFiles:
    """The files of a potential that was written.

    Attributes
    ----------
    model
        ``NAME.pkl``: the pickled `MliapModel`, which LAMMPS unpickles; run no such file that is not your own.
    commands
        ``NAME.mliap``: masses, ``pair_style`` and ``pair_coeff``, to be included after the box is known.
    input
        ``in.NAME``, which LAMMPS runs as it stands where a structure was given, else with ``-var data FILE``.
    """

    model: Path
    commands: Path
    input: Path


class MliapModel:
    """A potential as LAMMPS' ``pair_style mliap unified`` takes it.

    Parameters
    ----------
    potential
        Fitted: its energy is a sum of energies of atoms by their neighbours within its reach.
    species
        Elements in the order that LAMMPS numbers them; without them those of the potential's descriptor.

    Attributes
    ----------
    interface, element_types, ndescriptors, nparams, rcutfac
        What LAMMPS looks at; it takes neighbours within twice `rcutfac`.
    """

    def __init__(self, potential: LocalPotential, species: Sequence[str] | None = None) -> None:
        if not isinstance(potential, LocalPotential):
            raise ExchangeError(
                f"`potential`: expected one that sees atoms by their neighbours, got {type(potential).__name__}; "
                f"`attach_to_lammps` takes any"
            )
        potential.check_fitted()
        found = known_species(potential) if species is None else species
        if not found:
            raise ExchangeError("`species`: expected the elements, which this potential does not tell")
        self.potential = potential
        self.interface: Any = None
        self.element_types = list(found)
        self.ndescriptors, self.nparams = 1, 1
        self.rcutfac = potential.reach / 2
        self._forces_nc = np.empty((0, 3))

    def __getstate__(self) -> dict[str, Any]:
        """Without LAMMPS' side of it."""
        return {**self.__dict__, "interface": None, "_forces_nc": np.empty((0, 3))}

    def compute_descriptors(self, data: Any) -> None:
        """Nothing: all is done by `compute_gradients`."""

    def compute_gradients(self, data: Any) -> None:
        """Energies; older versions of LAMMPS take them before they ask for forces.

        Parameters
        ----------
        data
            LAMMPS' ``MLIAPDataPy``.
        """
        pairs, order_n = self._pairs(data)
        structure = Atoms(pairs.numbers_n)
        prediction = self.potential.evaluate_pairs([structure], pairs)
        if prediction.local_energies is None:
            raise ExchangeError("`potential`: expected one with energies of atoms")
        local_n = np.ascontiguousarray(prediction.local_energies[0][order_n])
        data.energy = float(local_n.sum())
        if data.eflag:
            data.eatoms = local_n
        self._forces_nc = prediction.forces[0]

    def compute_forces(self, data: Any) -> None:
        """Forces on local and ghost atoms, added to those of other styles."""
        data.f[:] += self._forces_nc

    def _pairs(self, data: Any) -> tuple[Pairs, IntArray]:
        """The neighbour list, and the local atoms in LAMMPS' order."""
        n_total = int(data.ntotal)
        order_n = np.array(data.iatoms[: data.nlistatoms], dtype=np.int64)
        kinds = np.array([atomic_numbers[symbol] for symbol in self.element_types])
        numbers_n = np.full(n_total, kinds[0])
        numbers_n[order_n] = kinds[np.asarray(data.ielems[: data.nlistatoms])]
        if not data.npairs:
            empty, D_pc = np.empty(0, dtype=np.int64), np.empty((0, 3))
            return self._list(empty, empty, D_pc, numbers_n), order_n
        i_p, j_p = np.array(data.pair_i, dtype=np.int64), np.array(data.jatoms, dtype=np.int64)
        numbers_n[j_p] = kinds[np.asarray(data.jelems)]
        by_centre = np.argsort(i_p, kind="stable")
        return self._list(i_p[by_centre], j_p[by_centre], np.array(data.rij)[by_centre], numbers_n), order_n

    def _list(self, i_p: IntArray, j_p: IntArray, D_pc: Array, numbers_n: IntArray) -> Pairs:
        n_total = len(numbers_n)
        return Pairs(
            i_p=i_p,
            j_p=j_p,
            D_pc=D_pc,
            S_pc=np.zeros((len(i_p), 3), dtype=np.int64),
            first_n=np.searchsorted(i_p, np.arange(n_total + 1)),
            structure_n=np.zeros(n_total, dtype=np.int64),
            numbers_n=numbers_n,
            n_structures=1,
            cutoff=self.potential.reach,
        )

    def pickle(self, path: str | Path) -> Path:
        """Write it for ``pair_style mliap unified FILE``; called as in LAMMPS' own classes."""
        target = Path(path)
        target.write_bytes(pickle.dumps(self))
        return target


def known_species(potential: LocalPotential) -> Sequence[str]:
    """The elements that a potential says it knows; none if it does not tell."""
    owner = getattr(potential, "descriptor", potential)
    return tuple(getattr(owner, "species", ()) or getattr(potential, "species_", ()))


def write_mliap(
    potential: LocalPotential,
    folder: str | Path,
    name: str = "potential",
    structure: Atoms | None = None,
    species: Sequence[str] | None = None,
) -> MliapFiles:
    """Write a fitted potential for a LAMMPS with ML-IAP and Python.

    Parameters
    ----------
    potential
        Fitted.
    folder
        Where to; made if it is not there.
    name
        What the files are called.
    structure
        Written as ``NAME.data`` for the input to read.
    species
        Elements in the order of LAMMPS' types; without them those of the potential's descriptor.

    Raises
    ------
    NotFitted
        Before ``fit``.
    ExchangeError
        If the energy is no sum of energies of atoms by their neighbours, or the elements are not known.
    """
    model = MliapModel(potential, species)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = MliapFiles(target / f"{name}.pkl", target / f"{name}.mliap", target / f"in.{name}")
    model.pickle(files.model)
    elements = model.element_types
    lines = [f"mass {t} {float(atomic_masses[atomic_numbers[one]])!r}" for t, one in enumerate(elements, start=1)]
    lines += [f"pair_style mliap unified {files.model.name} 0", f"pair_coeff * * {' '.join(elements)}"]
    files.commands.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_run(files.input, files.commands, elements, structure)
    return files
