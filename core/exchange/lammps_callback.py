r"""Any potential in a LAMMPS that runs in this Python, by ``fix external``, which every LAMMPS has.

LAMMPS moves the atoms; at each step it asks for energies, forces and the virial. It needs neither ML-IAP nor a file,
and works for potentials of whole structures too. One process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.exchange.lines import ExchangeError
from potscope.core.models.base import Potential
from potscope.core.validation import shown

VIRIAL_ORDER = (0, 1, 2, 5, 4, 3)
"""LAMMPS' xx yy zz xy xz yz among ours."""


def attach_to_lammps(lmp: Any, potential: Potential, species: Sequence[str], fix: str = "potscope") -> None:
    """Let LAMMPS take energies, forces and virials from a potential.

    Adds a fix of this name to all atoms. The box, the atoms and a pair style have to be there, such as
    ``pair_style zero 1.0``; what that gives is added.

    Parameters
    ----------
    lmp
        A ``lammps.lammps`` with ``units metal``.
    potential
        Fitted.
    species
        Elements in the order of LAMMPS' types.
    fix
        What the fix is called.

    Raises
    ------
    NotFitted
        Before ``fit``.
    ExchangeError
        If LAMMPS has other units, more than one process, or more types than there are elements.

    Examples
    --------
    >>> from lammps import lammps  # doctest: +SKIP
    >>> lmp = lammps()  # doctest: +SKIP
    >>> lmp.file("in.structure")  # doctest: +SKIP
    >>> attach_to_lammps(lmp, gap, ["Si"])  # doctest: +SKIP
    >>> lmp.command("run 100")  # doctest: +SKIP
    """
    potential.check_fitted()
    if lmp.extract_global("units") != "metal":
        raise ExchangeError(f"`lmp`: expected units metal, got {shown(lmp.extract_global('units'))}")
    if lmp.extract_setting("world_size") != 1:
        raise ExchangeError(f"`lmp`: expected one process, got {lmp.extract_setting('world_size')}")
    n_types = lmp.extract_setting("ntypes")
    if len(species) != n_types:
        raise ExchangeError(f"`species`: expected an element for each of {n_types} types, got {', '.join(species)}")
    lmp.command(f"fix {fix} all external pf/callback 1 1")
    lmp.command(f"fix_modify {fix} energy yes virial yes")
    lmp.set_fix_external_callback(fix, _Answer(lmp, potential, tuple(species), fix), None)


class _Answer:
    """What LAMMPS calls at each step."""

    def __init__(self, lmp: Any, potential: Potential, species: tuple[str, ...], fix: str) -> None:
        self.lmp, self.potential, self.species, self.fix = lmp, potential, species, fix

    def __call__(self, caller: object, step: int, n_local: int, tag_n: IntArray, x_nc: Array, f_nc: Array) -> None:  # noqa: ARG002
        low, high, xy, yz, xz, periodic, _ = self.lmp.extract_box()
        size = np.array(high) - np.array(low)
        cell = np.array([[size[0], 0.0, 0.0], [xy, size[1], 0.0], [xz, yz, size[2]]])
        types = self.lmp.numpy.extract_atom("type")[:n_local]
        symbols = [self.species[t - 1] for t in types]
        atoms = Atoms(symbols, np.array(x_nc[:n_local]), cell=cell, pbc=np.array(periodic, dtype=bool))
        prediction = self.potential.predict(atoms)
        f_nc[:n_local] = prediction.forces[0]
        self.lmp.fix_external_set_energy_global(self.fix, float(prediction.energies[0]))
        virial = -prediction.stresses[0][list(VIRIAL_ORDER)] * atoms.get_volume()
        self.lmp.fix_external_set_virial_global(self.fix, virial.tolist())
