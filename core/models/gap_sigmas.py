"""How far the references of a Gaussian process are from its function: for groups of a data set, or each structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from potscope.core.dataset import Dataset
from potscope.core.validation import check_positive, shown

KEYS = ("energy_sigma", "force_sigma", "virial_sigma")


@dataclass(frozen=True)
class Sigmas:
    """Standard deviations of the noise of reference energies, forces and virials.

    Attributes
    ----------
    energy
        eV/atom; that of a total energy is larger by the root of the number of atoms.
    force
        Of a component, eV/Å.
    virial
        Of a component, eV/atom; that of the whole is larger by the root of the number of atoms.
    """

    energy: float
    force: float
    virial: float

    def __post_init__(self) -> None:
        """Check that each is positive."""
        for name, value in vars(self).items():
            object.__setattr__(self, name, check_positive(name, value))


def configuration_sigmas(structures: Sequence[Atoms], default: Sigmas) -> list[Sigmas]:
    r"""Sigmas of each structure as gap_fit reads them, for ``GAP.fit(..., sigmas=...)``.

    A `Dataset` keeps of structures what their energy depends on, and so not these.

    Parameters
    ----------
    structures
        With any of ``energy_sigma`` (eV), ``force_sigma`` (eV/Å) and ``virial_sigma`` (eV) in their ``info``. Those of
        energies and virials are of the whole structure, :math:`\sqrt N` times those of `Sigmas`.
    default
        What the others have.
    """
    found = []
    for s, atoms in enumerate(structures):
        root_n = np.sqrt(max(1, len(atoms)))
        values = [default.energy, default.force, default.virial]
        for k, (key, unit) in enumerate(zip(KEYS, (root_n, 1.0, root_n), strict=True)):
            if key in atoms.info:
                values[k] = check_positive(f"structures[{s}].info[{key!r}]", atoms.info[key]) / unit
        found.append(Sigmas(*values))
    return found


def sigmas_of(
    train: Dataset, default: Sigmas, groups: Mapping[str, Sigmas], configurations: Sequence[Sigmas | None] | None
) -> list[Sigmas]:
    """The sigmas of each structure: its own, or those of its group, or the default.

    Raises
    ------
    TypeError
        If something else than `Sigmas` is given for a structure.
    ValueError
        If there are not as many as structures.
    """
    own = [None] * len(train) if configurations is None else list(configurations)
    if len(own) != len(train):
        raise ValueError(f"`sigmas`: expected one for each of {len(train)} structures, got {len(own)}")
    for s, sigmas in enumerate(own):
        if sigmas is not None and not isinstance(sigmas, Sigmas):
            raise TypeError(f"`sigmas`[{s}]: expected Sigmas or None, got {shown(sigmas)}")
    return [
        groups.get(group, default) if sigmas is None else sigmas
        for group, sigmas in zip(train.groups, own, strict=True)
    ]
