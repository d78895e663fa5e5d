"""All small molecules of C, N, O and H: enumerated as graphs, filtered, embedded in space and relaxed.

In the way of the chemical universe database of Fink and Reymond, J. Chem. Inf. Model. 47, 342 (2007),
doi:10.1021/ci600423u, from which QM7 is drawn: every connected graph of heavy atoms within their valences, without
what no chemist would try to keep. Needs the extra ``data`` of the project: RDKit and tblite.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from ase.optimize import LBFGS

from potscope.core.writing import write_whole
from potscope.sample_data import configurations, generation, molecular
from potscope.sample_data.generation import ReferenceFailed, ReferenceMethod

ELEMENTS = ("C", "N", "O")
MAX_RINGS = 2
MAX_HETEROATOMS = 3
HOPELESS = (  # SMARTS of what no further bond cures, so that nothing is grown from it
    "[#7,#8]~[#7,#8]~[#7,#8]",  # chains of three heteroatoms
    "[#8]~[#8]",  # peroxides
    "[*]=[C,N]=[*]",  # cumulated double bonds
    "[R]#[R]",  # triple bonds in rings
    "[r3]=[r3]",  # double bonds in rings of three
    "[r4]=[r4]",  # and of four
    "[r3,r4;R2]",  # small rings that share atoms
)
UNWANTED = (  # SMARTS of what is left out in the end
    "[#7;!a]-[#7,#8;!a]",  # hydrazines, hydroxylamines and their derivatives
    "[#7;!a]=[#7,#8;!a]",  # diazenes and nitroso compounds
    "[a;!r5;!r6]",  # aromatic in name only
    "[R2]=[*]",  # double bonds at atoms that two rings share
    "[CX4]([OX2H,NX3])[OX2H,NX3H2,NX3H1]",  # hydrates, hemiaminals, aminals
    "[CX3]=[CX3]-[OX2H,NX3H2]",  # enols and enamines, which are better as ketones and imines
    "[CX3](=[CX3,NX3,NX2])-[OX2H]",  # imidic acids
    "C#C-[O,N]",  # alkynols
    "[#7,#8]-C#N",  # cyanates and cyanamides
)
UNPAIRED = {"H": 1, "C": 2, "N": 3, "O": 2}
EMBEDDING_SEED = 7
FMAX = 0.02  # eV/Å
MAX_STEPS = 400
DECIMALS = 4  # of the positions, Å
BONDED = 1.25  # times the sum of the covalent radii


def enumerate_smiles(n_heavy: int) -> list[str]:
    """Canonical SMILES of all molecules with that many heavy atoms, shortest and then alphabetic first."""
    from rdkit import Chem

    patterns = [Chem.MolFromSmarts(smarts) for smarts in UNWANTED]
    kept = []
    for smiles in _graphs(n_heavy):
        molecule = Chem.MolFromSmiles(smiles)
        if "C" in smiles.upper() and not any(molecule.HasSubstructMatch(pattern) for pattern in patterns):
            kept.append(smiles)
    return sorted(kept, key=lambda smiles: (len(smiles), smiles))


def _graphs(n_heavy: int) -> set[str]:
    """Canonical SMILES of all connected graphs within the valences and the limits to rings and heteroatoms."""
    from rdkit import Chem

    hopeless = [Chem.MolFromSmarts(smarts) for smarts in HOPELESS]
    trees = set(ELEMENTS)
    for _ in range(n_heavy - 1):
        trees = set(_changed(trees, _with_atom, hopeless))
    found, newest = set(trees), trees
    while newest:
        newest = set(_changed(newest, _with_bond, hopeless)) - found
        found |= newest
    return found


def _changed(smiles: Iterable[str], change: Any, hopeless: Sequence[Any]) -> Iterator[str]:
    from rdkit import Chem

    for one in smiles:
        molecule = Chem.MolFromSmiles(one)
        Chem.Kekulize(molecule, clearAromaticFlags=True)
        for changed in change(molecule):
            Chem.SanitizeMol(changed)
            heteroatoms = sum(atom.GetAtomicNum() != 6 for atom in changed.GetAtoms())
            if heteroatoms <= MAX_HETEROATOMS and not any(changed.HasSubstructMatch(h) for h in hopeless):
                yield Chem.MolToSmiles(changed)


def _with_atom(molecule: Any) -> Iterator[Any]:
    """One more atom, bonded to any that has a hydrogen to give."""
    from rdkit import Chem

    for atom in molecule.GetAtoms():
        for element in ELEMENTS if atom.GetTotalNumHs() else ():
            changed = Chem.RWMol(molecule)
            changed.AddBond(atom.GetIdx(), changed.AddAtom(Chem.Atom(element)), Chem.BondType.SINGLE)
            _forget_hydrogens(changed)
            yield changed


def _with_bond(molecule: Any) -> Iterator[Any]:
    """One more bond between any two that have a hydrogen each to give: a ring, or a higher order."""
    from rdkit import Chem

    higher = {Chem.BondType.SINGLE: Chem.BondType.DOUBLE, Chem.BondType.DOUBLE: Chem.BondType.TRIPLE}
    free = [atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetTotalNumHs()]
    n_rings = molecule.GetNumBonds() - molecule.GetNumAtoms() + 1
    for i in free:
        for j in (j for j in free if j > i):
            bond = molecule.GetBondBetweenAtoms(i, j)
            changed = Chem.RWMol(molecule)
            if bond is None and n_rings < MAX_RINGS:
                changed.AddBond(i, j, Chem.BondType.SINGLE)
            elif bond is not None and bond.GetBondType() in higher:
                changed.GetBondBetweenAtoms(i, j).SetBondType(higher[bond.GetBondType()])
            else:
                continue
            _forget_hydrogens(changed)
            yield changed


def _forget_hydrogens(molecule: Any) -> None:
    """Or aromatic N–H would keep the hydrogen that a new bond takes."""
    for atom in molecule.GetAtoms():
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(False)


def relaxed(smiles: str) -> Atoms:
    """A molecule in space, relaxed with GFN2-xTB, positions rounded to `DECIMALS`.

    Raises
    ------
    ReferenceFailed
        If it can't be embedded, is not relaxed within `MAX_STEPS`, or is no longer the same molecule.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if rdDistGeom.EmbedMolecule(molecule, randomSeed=EMBEDDING_SEED) != 0:
        raise ReferenceFailed("no embedding in space")
    rdForceFieldHelpers.MMFFOptimizeMolecule(molecule)
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    atoms = Atoms(numbers, molecule.GetConformer().GetPositions())
    bonds_nn = Chem.GetAdjacencyMatrix(molecule).astype(bool)
    atoms.calc = molecular.xtb()
    try:
        converged = LBFGS(atoms, logfile=os.devnull).run(fmax=FMAX, steps=MAX_STEPS)
    except CalculationFailed as failure:
        raise ReferenceFailed(str(failure)) from failure
    if not converged:
        raise ReferenceFailed(f"not relaxed in {MAX_STEPS} steps")
    if (bonded(atoms) != bonds_nn).any():
        raise ReferenceFailed("relaxed to another molecule")
    centred_nc = atoms.positions - atoms.get_center_of_mass()
    return Atoms(numbers, centred_nc.round(DECIMALS), info={"smiles": smiles})


def bonded(atoms: Atoms) -> np.ndarray:
    """Which atoms are closer than `BONDED` times the sum of their covalent radii, shape (atoms, atoms)."""
    radii_n = covalent_radii[atoms.numbers]
    near_nn: np.ndarray = atoms.get_all_distances() < BONDED * (radii_n[:, None] + radii_n)
    np.fill_diagonal(near_nn, False)
    return near_nn


def count_heavy(smiles: str) -> int:
    """Number of atoms other than hydrogen."""
    return sum(letter in "CNOcno" for letter in smiles)


def choose(sizes: Mapping[int, int | None], seed: int, work: Path) -> list[Atoms]:
    """Molecules to be computed, as `Atoms` that have no atoms yet, but an id, a group and a SMILES.

    Parameters
    ----------
    sizes
        How many of each number of heavy atoms, drawn at random; None for all there are.
    seed
        Of the draw.
    work
        Folder in which the enumeration is kept, which takes a minute or two for seven heavy atoms.
    """
    rng = np.random.default_rng(seed)
    made: list[Atoms] = []
    for n_heavy, count in sizes.items():
        kept = work / f"enumerated-{n_heavy}.txt"
        if not kept.exists():
            work.mkdir(parents=True, exist_ok=True)
            write_whole(kept, "\n".join(enumerate_smiles(n_heavy)).encode())
        smiles = np.array(kept.read_text().split())
        chosen = smiles if count is None else smiles[np.sort(rng.choice(len(smiles), count, replace=False))]
        made += [Atoms(info={"group": group_of(n_heavy), "smiles": str(one)}) for one in chosen]
    numbers: Counter[str] = Counter()
    for atoms in made:
        group = atoms.info["group"]
        atoms.info["id"] = f"{group.replace(' ', '-')}-{numbers[group]:04d}"
        numbers[group] += 1
    return made


def group_of(n_heavy: int) -> str:
    """Groups by size, the smallest molecules together."""
    return "up to 4 heavy" if n_heavy <= 4 else f"{n_heavy} heavy"


def free_atoms() -> list[Atoms]:
    """The four elements, each alone, with its number of unpaired electrons."""
    return [Atoms(symbol, info={"id": f"free-{symbol}", "unpaired": n}) for symbol, n in UNPAIRED.items()]


def atomisation_energy(atoms: Atoms, free: Mapping[str, float]) -> float:
    """Energy less that of its free atoms, eV: negative for what is bound, as in QM7."""
    return float(atoms.info["REF_energy"] - sum(free[symbol] for symbol in atoms.get_chemical_symbols()))


def collect(work: Path, groups: Sequence[str], method: str) -> list[Atoms]:
    """The results that are there, each with its atomisation energy as ``E_atomisation`` (eV) and its `method`."""
    free = {s: float(next(ase.io.iread(work / f"free-{s}.xyz")).info["REF_energy"]) for s in UNPAIRED}
    found = generation.collect(work, [group.replace(" ", "-") for group in groups])
    for atoms in found:
        atoms.info["E_atomisation"] = atomisation_energy(atoms, free)
        atoms.info["method"] = method
    return found


def command(description: str, chosen: Sequence[Atoms], compute: ReferenceMethod, data: Path, method: str) -> None:
    """Command line of a generator of molecules.

    Parameters
    ----------
    description
        For ``--help``.
    chosen
        From `choose`.
    compute
        Of one molecule, or of one of `free_atoms`.
    data
        Where the set is written; the single results are in ``.work`` beside it.
    method
        ``info["method"]`` of every frame.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    work = data.parent / ".work"
    if not parser.parse_args().collect:
        generation.run(free_atoms(), compute, work, workers=1)
        generation.run(configurations.interleaved(chosen), compute, work, workers=1)
    generation.store(collect(work, list(dict.fromkeys(a.info["group"] for a in chosen)), method), data)
