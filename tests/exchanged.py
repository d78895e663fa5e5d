"""Potentials of known coefficients and structures, to be written for other codes and compared with them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from potscope.core import Dataset
from potscope.core.descriptors import ACSF, Bispectrum, QuipSOAP, ThreeBody, TwoBody
from potscope.core.models import GAP, SNAP, NeuralNetwork, PairPotential, Potential, Term
from potscope.core.zbl import ZBL

NAMES = ("energy", "local_energies", "forces", "stress")
TWO = {"species": ["Na", "Cl"], "rcutfac": 4.1, "radelem": [0.52, 0.47], "wj": [1.0, 0.83]}
CORE = {"zbl_inner": 1.5, "zbl_outer": 3.6}
INNER = {"switchinnerflag": True, "sinner": [2.6, 2.1], "dinner": [0.7, 0.4]}

SNAPS: dict[str, tuple[dict[str, object], dict[str, float]]] = {
    "one element": ({"species": ["Ta"], "twojmax": 6, "rcutfac": 4.67637}, {"zbl_inner": 4.0, "zbl_outer": 4.8}),
    "one element, quadratic": ({"species": ["Si"], "twojmax": 4, "rcutfac": 4.2, "quadraticflag": True}, {}),
    "two elements": ({**TWO, "twojmax": 5, "rfac0": 0.9, "rmin0": 0.4, "bzeroflag": False}, CORE),
    "core from zero": ({**TWO, "twojmax": 2}, {"zbl_outer": 3.0}),
    "not switched": ({**TWO, "twojmax": 3, "switchflag": False}, {}),
    "inner switching": ({**TWO, "twojmax": 4, **INNER}, {}),
    "elements": ({**TWO, "twojmax": 4, "chemflag": True, "bnormflag": True}, CORE),
    "elements, quadratic": (
        {**TWO, "twojmax": 1, "chemflag": True, "quadraticflag": True, "wselfallflag": True, **INNER},
        CORE,
    ),
}


def snap(name: str) -> SNAP:
    """A linear potential with coefficients by chance."""
    hyper, core = SNAPS[name]
    descriptor = Bispectrum(**hyper)
    rng = np.random.default_rng(5)
    shape = (len(descriptor.species), 1 + len(descriptor.names))
    repulsion = ZBL(core.get("zbl_inner", 0.0), core["zbl_outer"]) if core else None
    return SNAP.from_coefficients(descriptor, rng.normal(size=shape) / (1 + np.arange(shape[1])), repulsion=repulsion)


def crystal(species: tuple[str, ...], seed: int = 4) -> Atoms:
    """A small triclinic cell that LAMMPS takes as it is."""
    rng = np.random.default_rng(seed)
    cell = np.array([[5.1, 0, 0], [0.9, 4.8, 0], [-0.7, 1.1, 5.4]]) + np.tril(rng.uniform(-0.1, 0.1, (3, 3)))
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0.1, 0.5], [0.1, 0.5, 0.5], [0.45, 0.4, 0.55]])
    positions = (sites + rng.uniform(-0.05, 0.05, sites.shape)) @ cell
    return Atoms([species[k % len(species)] for k in range(len(sites))], positions, cell=cell, pbc=True)


def cluster(species: tuple[str, ...], seed: int = 4) -> Atoms:
    """The same atoms without neighbouring cells."""
    atoms = crystal(species, seed)
    atoms.pbc = False
    atoms.positions += 10
    atoms.cell[:] = np.diag([30.0, 30.0, 30.0])
    return atoms


def structures(species: tuple[str, ...], seed: int = 4) -> list[Atoms]:
    """Periodic and not."""
    return [crystal(species, seed), cluster(species, seed)]


def case(atoms: Atoms, **more: object) -> dict[str, object]:
    """As the scripts of other codes take it."""
    return {
        "symbols": atoms.get_chemical_symbols(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell[:].tolist(),
        "pbc": atoms.pbc.tolist(),
        **more,
    }


def deviations(prediction: object, values: list[dict[str, object]]) -> dict[str, float]:
    """The largest differences: energies of atoms in eV, forces in eV/Å, stresses in eV/Å³."""
    found = dict.fromkeys(NAMES, 0.0)
    for s, value in enumerate(values):
        ours = {
            "energy": prediction.energies[s],
            "local_energies": prediction.local_energies[s],
            "forces": prediction.forces[s],
            "stress": prediction.stresses[s],
        }
        for name in NAMES:
            if value.get(name) is not None:
                found[name] = max(found[name], float(np.abs(ours[name] - np.array(value[name])).max()))
    return found


SOAPS: dict[str, dict[str, object]] = {
    "one element": {"species": ["Si"], "cutoff": 4.0, "n_max": 4, "l_max": 3},
    "many functions": {"species": ["Si"], "cutoff": 4.5, "n_max": 9, "l_max": 8, "cutoff_transition_width": 1.0},
    "two elements": {"species": ["Cl", "Na"], "cutoff": 4.2, "n_max": 3, "l_max": 4, "central_weight": 0.6},
    "narrow": {"species": ["Na", "Cl"], "cutoff": 3.8, "n_max": 6, "l_max": 2, "atom_sigma": 0.3},
    "other basis": {"species": ["Na", "Cl"], "cutoff": 3.8, "n_max": 5, "l_max": 2, "basis_error_exponent": 4.0},
}
GAPS: dict[str, tuple[dict[str, object], list[Term]]] = {
    "environments": ({"descriptor": QuipSOAP(("Si",), 4.0, 0.5, 4, 3), "zeta": 2.0, "delta": 0.5}, []),
    "environments of two elements": ({"descriptor": QuipSOAP(("Na", "Cl"), 4.2, 1.0, 3, 3)}, []),
    "pairs": (
        {"descriptor": TwoBody(("Na", "Cl"), 4.5, 1.5), "kernel": "squared exponential", "length": 0.7, "delta": 0.3},
        [],
    ),
    "everything": (
        {"descriptor": QuipSOAP(("Na", "Cl"), 4.2, 1.0, 3, 2), "zeta": 3.5, "delta": 0.4},
        [
            Term(TwoBody(("Na", "Cl"), 4.6, 1.0), delta=0.2, n_sparse=12, sparse_method="random"),
            Term(ThreeBody(("Na", "Cl"), 3.2, 0.5), delta=0.1, n_sparse=18, sparse_method="random"),
        ],
    ),
}


def gap(name: str) -> GAP:
    """A Gaussian process with sparse points of structures made here, and weights by chance."""
    settings, terms = GAPS[name]
    potential = GAP(**settings, terms=terms, n_sparse=8, sparse_method="random")
    found = [atoms for seed in range(3) for atoms in structures(potential.descriptor.species, seed)]
    for s, atoms in enumerate(found):
        atoms.info["REF_energy"] = float(s)
    potential.fit(Dataset.from_structures(found))
    rng = np.random.default_rng(6)
    terms, points, _ = zip(*potential.sparse_terms, strict=True)
    weights = [{kind: rng.normal(size=len(own_mf)) for kind, own_mf in by_kind.items()} for by_kind in points]
    return GAP.from_sparse_points(terms, points, weights, rng.normal(size=len(potential.offsets_)))


def learnt(potential: Potential) -> Potential:
    """Fitted to a few references by chance."""
    rng = np.random.default_rng(2)
    found = [atoms for seed in range(3) for atoms in structures(("Na", "Cl"), seed)]
    for atoms in found:
        atoms.info["REF_energy"] = float(rng.normal())
        atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
    return potential.fit(Dataset.from_structures(found))


def fitted_network() -> NeuralNetwork:
    """A committee of two small networks."""
    acsf = ACSF.generated(("Na", "Cl"), cutoff=4.0, n_radial=2, zetas=(1.0,))
    return learnt(NeuralNetwork(acsf, hidden=(4,), members=2, epochs=3))


def fitted_pairs() -> PairPotential:
    """A pair potential."""
    return learnt(PairPotential(cutoff=4.5))


def unsure_of_nothing(potential: Potential, atoms: Atoms) -> None:
    """A potential of which nothing tells what it was fitted to says so, and has no deviations of whatever kind."""
    assert not potential.has_energy_std
    assert not potential.has_atom_std
    assert not potential.has_extrapolation
    for prediction in (potential.predict(atoms, atom_std=True), potential.evaluate([atoms], True, True)):
        assert prediction.energy_std is prediction.local_energy_std is prediction.force_std is None
        assert prediction.extrapolation is None
    for name in ("energy_std", "force_std", "local_energy_std", "extrapolation"):
        with pytest.raises(PropertyNotImplementedError, match=name):
            potential.calculator().get_property(name, atoms)
