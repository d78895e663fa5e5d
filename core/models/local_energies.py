"""From energies of atoms and their derivatives to what a potential predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.features import Gradient
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def summed(
    structures: Sequence[Atoms],
    pairs: Pairs,
    local_n: Array,
    gradient: Gradient,
    energy_std: Array | None = None,
    **of_atoms: Array | None,
) -> Prediction:
    """Energies that are sums over atoms, with forces, and stresses where a structure has a volume.

    Parameters
    ----------
    structures, pairs
        The structures and their pairs.
    local_n
        Energies of the atoms, eV.
    gradient
        Forces and virials of the sums.
    energy_std
        Standard deviations of the sums, eV, shape (structures,).
    **of_atoms
        What else there is to say of atoms, by its name in `Prediction`, of all structures laid end to end.
    """
    edges = pairs.first_atom_s[1:-1]
    split = {name: None if values is None else tuple(np.split(values, edges)) for name, values in of_atoms.items()}
    volumes = np.array([atoms.get_volume() if atoms.cell.rank == 3 else np.nan for atoms in structures])
    return Prediction(
        energies=np.asarray(np.bincount(pairs.structure_n, local_n, pairs.n_structures), dtype=float),
        local_energies=tuple(np.split(local_n, edges)),
        forces=tuple(np.split(gradient.forces, edges)),
        stresses=voigt(-gradient.virials / volumes[:, None, None]),
        energy_std=energy_std,
        **split,
    )


def by_centres(pairs: Pairs, most_pairs: int) -> Iterator[Pairs]:
    """The same atoms with a part of the pairs each: those of consecutive centres, as many as are allowed, at least one.

    What is a sum over centres, such as forces and virials, is the sum over the parts.
    """
    start = 0
    while start < pairs.n_atoms:
        first = int(pairs.first_n[start])
        stop = max(start + 1, int(np.searchsorted(pairs.first_n, first + most_pairs, side="right")) - 1)
        last = int(pairs.first_n[stop])
        yield replace(
            pairs,
            i_p=pairs.i_p[first:last],
            j_p=pairs.j_p[first:last],
            D_pc=pairs.D_pc[first:last],
            S_pc=pairs.S_pc[first:last],
            first_n=np.clip(pairs.first_n, first, last) - first,
        )
        start = stop


def virials_of(pairs: Pairs, slope_pcm: Array) -> Array:
    """Virials of one structure that belong to each column's pair gradients, Voigt order, shape (6, columns)."""
    return -np.stack([pairs.D_pc[:, a] @ slope_pcm[:, b] for a, b in VOIGT])


def voigt(tensor_scc: Array) -> Array:
    """The symmetric part of tensors in Voigt order, shape (structures, 6)."""
    symmetric = (tensor_scc + tensor_scc.transpose(0, 2, 1)) / 2
    return np.stack([symmetric[:, a, b] for a, b in VOIGT], axis=-1)
