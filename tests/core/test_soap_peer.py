"""SOAP against DScribe's, value by value."""

from __future__ import annotations

import numpy as np
import pytest

from potscope.core.descriptors import SOAP

from systems import SYSTEMS, species_of

dscribe = pytest.importorskip("dscribe.descriptors", reason="DScribe is not installed (it comes with the extra `dev`)")


# DScribe refuses cells without a volume, so the wire is not for it
@pytest.mark.parametrize(
    "name", [name for name, atoms in SYSTEMS.items() if not atoms.pbc.any() or atoms.cell.rank == 3]
)
@pytest.mark.parametrize(("cutoff", "n_max", "l_max", "sigma"), [(5.0, 8, 6, 0.5), (3.5, 4, 9, 0.3), (6.0, 3, 2, 1.0)])
def test_values_are_those_of_dscribe(name, cutoff, n_max, l_max, sigma) -> None:
    atoms = SYSTEMS[name]
    species = species_of(atoms)
    ours = SOAP(species=species, cutoff=cutoff, n_max=n_max, l_max=l_max, sigma=sigma, smoothing="none").compute(atoms)
    peer = dscribe.SOAP(
        species=species, r_cut=cutoff, n_max=n_max, l_max=l_max, sigma=sigma, rbf="gto", periodic=bool(atoms.pbc.any())
    )
    theirs = peer.create(atoms, centers=list(range(len(atoms)))).reshape(len(atoms), -1)
    assert np.abs(ours.values - theirs).max() < 1e-8 * np.abs(theirs).max()
