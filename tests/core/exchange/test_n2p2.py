"""Networks in n2p2's files: read by a calculator of its own, straight from the definitions, and by us again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.data import atomic_numbers
from ase.neighborlist import neighbor_list

from potscope.core import Dataset
from potscope.core.descriptors import ACSF, SOAP, ElementACSF, WeightedACSF
from potscope.core.exchange import ExchangeError, read_n2p2, write_n2p2
from potscope.core.exchange.n2p2 import n2p2_order
from potscope.core.models import SNAP, NeuralNetwork, NotFitted
from potscope.core.models.feature_scaling import FeatureScaling
from potscope.core.models.network import Layer, Network
from potscope.core.symmetry_function_files import read as read_functions
from potscope.core.symmetry_functions import SymmetryFunction

from exchanged import structures

SALT = ("Na", "Cl")
SHIFTS = (0.0, 1.8897261, 3.7794523, 5.6691784, 7.5589045)
ENDS = ("scale_min_short", "scale_max_short")
UNITS = {"Bohr": (units.Bohr, units.Hartree), "Å": (1.0, 1.0)}

# The 57 functions of n2p2's potential for water (H2O_RPBE-D3) in the order in which n2p2 has them, as its log shows it:
# centre, type, neighbours, η, Rs, λ, ζ (all of cutoff 12), and the number of the line in its input.nn
SORTED_BY_N2P2 = """
H 2 H 0.001 0 51;H 2 O 0.001 0 61;H 2 H 0.01 0 52;H 2 O 0.01 0 62;H 2 H 0.03 0 53;H 2 O 0.03 0 63;H 2 H 0.06 0 54
H 2 O 0.06 0 64;H 2 O 0.15 0.9 65;H 2 H 0.15 1.9 55;H 2 O 0.3 0.9 66;H 2 H 0.3 1.9 56;H 2 O 0.6 0.9 67
H 2 H 0.6 1.9 57;H 2 O 1.5 0.9 68;H 2 H 1.5 1.9 58;H 3 O O 0.001 -1 4 115;H 3 O O 0.001 1 4 114
H 3 H O 0.01 -1 4 105;H 3 H O 0.01 1 4 103;H 3 H O 0.03 -1 1 100;H 3 O O 0.03 -1 1 113;H 3 H O 0.03 1 1 98
H 3 O O 0.03 1 1 112;H 3 H O 0.07 -1 1 95;H 3 H O 0.07 1 1 93;H 3 H O 0.2 1 1 90;O 2 H 0.001 0 70
O 2 O 0.001 0 80;O 2 H 0.01 0 71;O 2 O 0.01 0 81;O 2 H 0.03 0 72;O 2 O 0.03 0 82;O 2 H 0.06 0 73;O 2 O 0.06 0 83
O 2 H 0.15 0.9 74;O 2 O 0.15 4 84;O 2 H 0.3 0.9 75;O 2 O 0.3 4 85;O 2 H 0.6 0.9 76;O 2 O 0.6 4 86;O 2 H 1.5 0.9 77
O 2 O 1.5 4 87;O 3 H O 0.001 -1 4 110;O 3 O O 0.001 -1 4 120;O 3 H O 0.001 1 4 109;O 3 O O 0.001 1 4 119
O 3 H H 0.01 -1 4 104;O 3 H H 0.01 1 4 102;O 3 H H 0.03 -1 1 99;O 3 H O 0.03 -1 1 108;O 3 O O 0.03 -1 1 118
O 3 H H 0.03 1 1 97;O 3 H O 0.03 1 1 107;O 3 O O 0.03 1 1 117;O 3 H H 0.07 -1 1 94;O 3 H H 0.07 1 1 92
"""

# Smallest and largest value of each of the 39 functions of the molybdenum potential of Zuo et al., J. Phys. Chem. A
# 124, 731 (2020), on its training set, as n2p2 wrote them into its scaling.data: in n2p2's order, which is not that of
# the lines of its input.nn
MOLYBDENUM = """
2.5128165e+00 5.3703077e+00    2.9855304e+00 6.3318075e+00    3.3075349e+00 6.9633415e+00
3.4170858e+00 7.1437314e+00    3.2924893e+00 6.8376752e+00    1.8552617e+00 4.0501004e+00
2.5997360e+00 5.5818037e+00    3.1735825e+00 6.7090006e+00    3.3774893e+00 7.0390160e+00
3.1363658e+00 6.4532241e+00    7.8944587e-01 1.8635356e+00    1.7819749e+00 3.9866943e+00
2.8489949e+00 6.1038982e+00    3.2696215e+00 6.7505533e+00    2.7223257e+00 5.6886096e+00
2.5808291e-01 1.1762336e+00    7.6121225e-01 3.0139844e+00    6.3862119e-02 4.7126703e-01
5.7502110e-01 2.2679390e+00    7.3436904e-03 1.4399794e-01    3.4269993e-01 1.3761609e+00
2.1705192e-05 3.0139515e-02    3.3731670e-02 1.9251539e-01    8.7122982e-02 5.2096667e-01
3.0975542e-01 1.3488760e+00    2.0754824e-02 2.0199428e-01    2.3203159e-01 1.0153797e+00
2.1552907e-03 5.7456915e-02    1.3540397e-01 6.1061825e-01    5.0444577e-06 1.1704089e-02
1.1603804e-02 7.1105660e-02    4.1376512e-03 5.4343971e-02    1.8236388e-02 1.4152480e-01
9.0188404e-04 1.8943131e-02    1.5000621e-02 1.0716822e-01    6.9506877e-05 4.1692058e-03
9.4412335e-03 6.3893428e-02    6.4937192e-08 6.8794722e-04    5.5336429e-04 5.0430762e-03
"""


def table(species: tuple[str, ...]) -> ElementACSF:
    """Functions of all types that n2p2 has, other ones for each element, in an order that is not n2p2's."""
    first, last = species[0], species[-1]
    functions = [
        SymmetryFunction(4, (first, last), 4.0, 0.02, zeta=2.0, lambda_=-1.0, centre=first),
        SymmetryFunction(2, (last,), 4.0, 0.4, 1.0, centre=first),
        SymmetryFunction(5, (last, last), 3.7, 0.05, zeta=4.0, lambda_=1.0, centre=first),
        SymmetryFunction(2, (first,), 4.0, 0.1, centre=first),
        SymmetryFunction(2, (), 4.2, 0.1, 0.5, centre=first),
        SymmetryFunction(4, (), 4.0, 0.03, 0.4, 1.0, 1.0, centre=first),
        SymmetryFunction(4, (last, first), 4.0, 0.01, 0.3, 1.0, 1.0, centre=first),
    ]
    if last != first:
        functions += [
            SymmetryFunction(2, (first,), 3.9, 0.2, 0.5, centre=last),
            SymmetryFunction(1, (last,), 3.8, centre=last),
            SymmetryFunction(4, (first, first), 3.9, 0.02, zeta=1.0, lambda_=1.0, centre=last),
        ]
    return ElementACSF.of(functions, species, "tanh3 unnormalised")


def network(descriptor, scaling: str = "standard", members: int = 1, activation: str = "tanh") -> NeuralNetwork:
    rng = np.random.default_rng(8)
    n_features, species = len(descriptor.names), descriptor.species
    sample = descriptor.compute([atoms for seed in range(4) for atoms in structures(species, seed)])
    species_n = descriptor.species_of(sample.pairs.numbers_n)
    measured = FeatureScaling.measured(sample.values, species_n, len(species), scaling)

    def layer(before: int, nodes: int, name: str) -> Layer:
        return Layer(rng.normal(size=(before, nodes)) / np.sqrt(before), rng.normal(size=nodes) / 2, name)

    def one() -> Network:
        return Network((layer(n_features, 5, activation), layer(5, 3, "softplus"), layer(3, 1, "linear")))

    networks = [[one() for _ in species] for _ in range(members)]
    offsets = rng.normal(size=len(species)) * 3
    return NeuralNetwork.from_networks(descriptor, networks, measured, offsets, members=members)


def same_forces(again: NeuralNetwork, potential: NeuralNetwork) -> None:
    for atoms in structures(potential.descriptor.species):
        ours, theirs = potential.predict(atoms), again.predict(atoms)
        np.testing.assert_allclose(theirs.local_energies[0], ours.local_energies[0], rtol=0, atol=1e-10)
        np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-10)


# -- what the files say, evaluated without potscope --------------------------------------------------------------------


def cutoff_function(kind: int, r: float, rc: float) -> float:
    if r >= rc:
        return 0.0
    return 0.5 * (np.cos(np.pi * r / rc) + 1) if kind == 1 else float(np.tanh(1 - r / rc) ** 3)


def function_value(words: list[str], kind: int, near: list[tuple[str, np.ndarray]]) -> float:
    """One line ``symfunction_short`` for an atom whose neighbours are given by element and vector."""
    style = int(words[2])
    n_names = {2: 1, 12: 0, 13: 0}.get(style, 2)
    names, numbers = words[3 : 3 + n_names], [float(word) for word in words[3 + n_names :]]
    total = 0.0
    for j, (symbol, d_j) in enumerate(near):
        r_j = np.linalg.norm(d_j)
        if style in (2, 12):
            eta, rs, rc = numbers
            weight = atomic_numbers[symbol] if style == 12 else float(symbol == names[0])
            total += weight * np.exp(-eta * (r_j - rs) ** 2) * cutoff_function(kind, r_j, rc)
            continue
        if style == 13:
            eta, rs, lam, zeta, rc = numbers
        else:
            eta, lam, zeta, rc, rs = (*numbers, 0.0)[:5]
        for other, d_k in near[:j]:
            r_k, r_jk = np.linalg.norm(d_k), np.linalg.norm(d_j - d_k)
            weight = float(sorted((symbol, other)) == sorted(names))
            if style == 13:
                weight = float(atomic_numbers[symbol] * atomic_numbers[other])
            base = 1 + lam * (d_j @ d_k) / (r_j * r_k)
            term = (
                weight * 2 ** (1 - zeta) * max(base, 0.0) ** zeta * np.exp(-eta * ((r_j - rs) ** 2 + (r_k - rs) ** 2))
            )
            term *= cutoff_function(kind, r_j, rc) * cutoff_function(kind, r_k, rc)
            if style != 9:
                term *= np.exp(-eta * (r_jk - rs) ** 2) * cutoff_function(kind, r_jk, rc)
            total += term
    return total


FUNCTIONS = {"t": np.tanh, "p": lambda x: np.log1p(np.exp(x)), "l": float}


class FromFiles:
    """A potential that knows nothing but the text of the files; functions are in the order of the lines."""

    def __init__(self, folder: Path, unit: str) -> None:
        self.length, self.energy = UNITS[unit]
        lines = [line.split("#")[0].split() for line in (folder / "input.nn").read_text().splitlines()]
        lines = [words for words in lines if words]
        self.functions = [words for words in lines if words[0] == "symfunction_short"]
        self.settings = {words[0]: words[1:] for words in lines}
        self.elements = sorted(self.settings["elements"], key=atomic_numbers.__getitem__)
        self.offsets = {words[1]: float(words[2]) for words in lines if words[0] == "atom_energy"}
        rows = np.loadtxt(folder / "scaling.data")
        self.scaling = {symbol: rows[rows[:, 0] == e + 1] for e, symbol in enumerate(self.elements)}
        self.weights = {}
        for symbol in self.elements:
            text = (folder / f"weights.{atomic_numbers[symbol]:03d}.data").read_text().splitlines()
            self.weights[symbol] = [line.split() for line in text if not line.startswith("#")]

    def output(self, symbol: str, values: np.ndarray) -> float:
        """Node by node, by the numbers of layer and node that each weight has in the file."""
        sizes = [len(values), *map(int, self.settings["global_nodes_short"]), 1]
        nodes = {(0, h + 1): value for h, value in enumerate(values)}
        for l, letter in enumerate(self.settings["global_activation_short"], start=1):
            sums = dict.fromkeys(range(1, sizes[l] + 1), 0.0)
            for words in self.weights[symbol]:
                if words[1] == "a" and int(words[5]) == l:
                    sums[int(words[6])] += float(words[0]) * nodes[int(words[3]), int(words[4])]
                elif words[1] == "b" and int(words[3]) == l:
                    sums[int(words[4])] += float(words[0])
            function = {
                "t": np.tanh,
                "p": lambda x: np.log1p(np.exp(x)),
                "l": float,
                "s": lambda x: 1 / (1 + np.exp(-x)),
            }
            nodes |= {(l, k): function[letter](value) for k, value in sums.items()}
        return float(nodes[len(sizes) - 1, 1])

    def local_energies(self, atoms: Atoms) -> np.ndarray:
        """In eV."""
        reach = max(float(words[-1] if words[2] not in ("3", "9") else words[8]) for words in self.functions)
        i_p, j_p, d_pc = neighbor_list("ijD", atoms, reach * self.length)
        kind, found = int(float(self.settings["cutoff_type"][0])), []
        for n, symbol in enumerate(atoms.get_chemical_symbols()):
            near = [(atoms[int(j_p[p])].symbol, d_pc[p] / self.length) for p in np.flatnonzero(i_p == n)]
            values = np.array([function_value(w, kind, near) for w in self.functions if w[1] == symbol])
            smallest, largest = self.scaling[symbol][:, 2], self.scaling[symbol][:, 3]
            found.append(self.output(symbol, (values - smallest) / (largest - smallest)) + self.offsets[symbol])
        return np.array(found) * self.energy


# -- tests -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("species", [("Si",), SALT])
def test_what_the_files_say_by_the_definitions(tmp_path, species, unit) -> None:
    potential = network(table(species))
    assert write_n2p2(potential, tmp_path / "new" / "folder", unit) == [tmp_path / "new" / "folder"]
    files = FromFiles(tmp_path / "new" / "folder", unit)
    for atoms in structures(species):
        ours = potential.predict(atoms).local_energies[0]
        np.testing.assert_allclose(files.local_energies(atoms), ours, rtol=0, atol=1e-10)


@pytest.mark.parametrize("scaling", ["standard", "range", "centred", "centred range", "none"])
@pytest.mark.parametrize("unit", UNITS)
def test_read_again_it_is_the_same_potential(tmp_path, scaling, unit) -> None:
    potential = network(table(SALT), scaling)
    again = read_n2p2(write_n2p2(potential, tmp_path, unit)[0], unit)
    same_forces(again, potential)
    atoms = structures(SALT)[0]
    np.testing.assert_allclose(again.predict(atoms).stresses, potential.predict(atoms).stresses, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cls", [ACSF, WeightedACSF])
def test_one_set_for_all_elements(tmp_path, cls) -> None:
    potential = network(cls(species=SALT, cutoff=4.0))
    again = read_n2p2(write_n2p2(potential, tmp_path)[0])
    same_forces(again, potential)


def test_the_order_is_n2p2s() -> None:
    listed = [row.split() for row in SORTED_BY_N2P2.replace("\n", ";").split(";") if row]
    by_line = sorted(listed, key=lambda words: int(words[-1]))
    lines = ["elements O H", "cutoff_type 2"]
    lines += [f"symfunction_short {' '.join(words[:-1])} 12.0" for words in by_line]
    found = read_functions("\n".join(lines))
    order = n2p2_order(found.functions, found.species)
    assert [by_line[k][-1] for k in order] == [words[-1] for words in listed]
    assert len(order) == 57
    assert order != sorted(order)


def test_values_of_n2p2_in_its_order(reference_folder) -> None:
    lines = ["elements Mo", "cutoff_type 1"]
    for eta in (0.01, 0.02, 0.05):
        lines += [f"symfunction_short Mo 2 Mo {eta} {shift} 9.8265759" for shift in SHIFTS]
    for eta in (0.01, 0.02, 0.05):
        for lambda_ in (-1, 1):
            lines += [f"symfunction_short Mo 3 Mo Mo {eta} {lambda_} {zeta} 9.8265759" for zeta in (1, 16, 2, 4)]
    found = read_functions("\n".join(lines))
    order = n2p2_order(found.functions, found.species)
    descriptor = ElementACSF.of([found.functions[k] for k in order], found.species, found.cutoff_function)
    train = Dataset.read(reference_folder / "mlearn" / "Mo_training.xyz.gz")
    values_nf = descriptor.compute(train.structures).values
    theirs = np.array(MOLYBDENUM.split(), dtype=float).reshape(-1, 2).T
    assert order != sorted(order)
    np.testing.assert_allclose([values_nf.min(axis=0), values_nf.max(axis=0)], theirs, rtol=2e-6)


def test_functions_without_scale_are_left_out(tmp_path) -> None:
    potential = network(table(SALT))
    factor_zf = potential.scaling_.factor_zf
    factor_zf[0, 1] = 0.0
    again = read_n2p2(write_n2p2(potential, tmp_path)[0])
    assert len(again.descriptor.names) == len(potential.descriptor.names) - 1
    same_forces(again, potential)
    factor_zf[1] = 0.0
    with pytest.raises(ExchangeError, match="none of the functions of Cl has a scale"):
        write_n2p2(potential, tmp_path)


def test_the_line_that_lammps_wants_is_told(tmp_path) -> None:
    text = (write_n2p2(network(table(SALT)), tmp_path)[0] / "input.nn").read_text()
    (line,) = [line.split() for line in text.splitlines() if "pair_style hdnnp" in line]
    factors = {name: float(line[line.index(name) + 1]) for name in ("hdnnp", "cflength", "cfenergy")}
    assert factors["hdnnp"] == pytest.approx(4.21)  # beyond the largest cutoff, 4.2 Å
    assert factors["cflength"] * units.Bohr == pytest.approx(1.0, rel=1e-11)
    assert factors["cfenergy"] * units.Hartree == pytest.approx(1.0, rel=1e-11)


def test_a_committee_is_a_folder_for_each(tmp_path) -> None:
    potential = network(table(SALT), members=2)
    folders = write_n2p2(potential, tmp_path, "Å")
    assert [folder.name for folder in folders] == ["nnp-data-1", "nnp-data-2"]
    atoms = structures(SALT)
    mean = np.mean([read_n2p2(folder, "Å").predict(atoms).energies for folder in folders], axis=0)
    np.testing.assert_allclose(mean, potential.predict(atoms).energies, rtol=0, atol=1e-10)


def test_normalised_data_and_nodes(tmp_path) -> None:
    potential = network(table(SALT))
    folder = write_n2p2(potential, tmp_path, "Å")[0]
    before = read_n2p2(folder, "Å").predict(structures(SALT)).local_energies
    text = (folder / "input.nn").read_text()
    (folder / "input.nn").write_text(text + "mean_energy -1.5\nconv_energy 4.0\nconv_length 2.0\n")
    after = read_n2p2(folder, "Å").predict(structures(SALT)).local_energies
    offset = potential.offsets_[potential.descriptor.species_of(structures(SALT)[0].numbers)]
    np.testing.assert_allclose(after[0], (before[0] - offset) / 4 - 1.5 + offset, rtol=0, atol=1e-10)
    (folder / "input.nn").write_text(text + "normalize_nodes\n")
    sizes = {"011": [7, 5, 3], "017": [3, 5, 3]}
    for z, nodes in sizes.items():
        path = folder / f"weights.{z}.data"
        rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
        layers = [int(words[5] if words[1] == "a" else words[3]) for words in rows]
        path.write_text("\n".join(f"{float(w[0]) * nodes[l - 1]!r}" for w, l in zip(rows, layers, strict=True)))
    divided = read_n2p2(folder, "Å").predict(structures(SALT)).local_energies
    np.testing.assert_allclose(divided[0], before[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("keywords", "interval", "value"),
    [
        ("", "", lambda g, low, high, mean, sigma: g),
        ("center_symmetry_functions", "", lambda g, low, high, mean, sigma: g - mean),
        ("scale_symmetry_functions", "", lambda g, low, high, mean, sigma: (g - low) / (high - low)),
        ("scale_symmetry_functions", "-1 3", lambda g, low, high, mean, sigma: -1 + 4 * (g - low) / (high - low)),
        (
            "scale_symmetry_functions\ncenter_symmetry_functions",
            "-1 1",
            lambda g, low, high, mean, sigma: -1 + 2 * (g - mean) / (high - low),
        ),
        ("scale_symmetry_functions_sigma", "0 2", lambda g, low, high, mean, sigma: 2 * (g - mean) / sigma),
    ],
)
def test_scalings(tmp_path, keywords, interval, value) -> None:
    potential = network(table(SALT))
    folder = write_n2p2(potential, tmp_path)[0]
    text = (folder / "input.nn").read_text()
    start, end = text.index("scale_symmetry_functions"), text.index("remove_atom_energies")
    ends = "".join(f"{name} {word}\n" for name, word in zip(ENDS, interval.split(), strict=False))
    (folder / "input.nn").write_text(text[:start] + keywords + "\n" + ends + text[end:])
    again = read_n2p2(folder)
    rows = np.loadtxt(folder / "scaling.data")[:7]
    g = np.random.default_rng(0).uniform(size=(1, len(again.descriptor.names)))
    found = again.scaling_.scaled(g, np.array([0]))[0, :7]
    np.testing.assert_allclose(found, value(g[0, :7], *rows[:, 2:].T), rtol=1e-12, atol=1e-12)


def test_scaling_as_runner_writes_it(tmp_path) -> None:
    """Without deviations, and with the range of the energies at the end."""
    potential = network(table(SALT))
    folder = write_n2p2(potential, tmp_path)[0]
    rows = [line.split() for line in (folder / "scaling.data").read_text().splitlines() if "#" not in line]
    lines = [" ".join(words[:5]) for words in rows]
    (folder / "scaling.data").write_text("\n".join([*lines, "-1.5 2.5"]) + "\n")
    same_forces(read_n2p2(folder), potential)


def test_a_fitted_potential_survives(tmp_path) -> None:
    found = []
    for seed in range(6):
        atoms = structures(SALT, seed)[0]
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = float(seed), np.zeros((5, 3))
        found.append(atoms)
    acsf = ACSF.generated(SALT, cutoff=4.0, n_radial=2, zetas=(1.0,))
    potential = NeuralNetwork(acsf, hidden=(4,), members=1, epochs=3).fit(Dataset.from_structures(found))
    again = read_n2p2(write_n2p2(potential, tmp_path)[0])
    ours, theirs = potential.predict(found), again.predict(found)
    np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-8)


def test_committees(tmp_path) -> None:
    potential = network(table(SALT), members=3)
    folders = write_n2p2(potential, tmp_path)
    again = read_n2p2(tmp_path)
    assert again.members == 3
    same_forces(again, potential)
    for atoms in structures(SALT):
        ours, theirs = potential.predict(atoms, atom_std=True), again.predict(atoms, atom_std=True)
        np.testing.assert_allclose(theirs.energy_std, ours.energy_std, rtol=1e-9)
        np.testing.assert_allclose(theirs.force_std[0], ours.force_std[0], rtol=0, atol=1e-9)
    others = [network(table(SALT), scaling) for scaling in ("range", "standard", "centred")]
    for k, other in enumerate(others):  # ranges, scalings and offsets
        scaling = replace(other.scaling_, maximum_zf=(1 + k) * other.scaling_.maximum_zf)
        moved = NeuralNetwork.from_networks(other.descriptor, other.networks_, scaling, other.offsets_ + k)
        write_n2p2(moved, folders[k])
    (folders[1] / "input.nn").write_text(
        (folders[1] / "input.nn").read_text().replace("scale_max_short 1.0", "scale_max_short 0.7")
    )
    single = [read_n2p2(folder) for folder in folders]
    both = read_n2p2(tmp_path)
    for atoms in structures(SALT):
        energies = [own.predict(atoms).energies[0] for own in single]
        found = both.predict(atoms)
        assert found.energies[0] == pytest.approx(np.mean(energies), abs=1e-9)
        assert found.energy_std[0] == pytest.approx(np.std(energies, ddof=1), abs=1e-9)
    np.testing.assert_array_equal(both.scaling_.maximum_zf, np.min([own.scaling_.maximum_zf for own in single], axis=0))
    write_n2p2(network(ElementACSF.of(table(SALT).symmetry_functions[1:], SALT, "tanh3 unnormalised")), folders[2])
    with pytest.raises(ExchangeError, match="the same symmetry functions, got others in nnp-data-1 and nnp-data-3"):
        read_n2p2(tmp_path)


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_what_n2p2_does_not_know_is_refused(tmp_path) -> None:
    with pytest.raises(NotFitted):
        write_n2p2(NeuralNetwork(table(SALT)), tmp_path)
    with pytest.raises(ExchangeError, match="expected a NeuralNetwork, got SNAP"):
        write_n2p2(SNAP(table(SALT)), tmp_path)
    with pytest.raises(ExchangeError, match="symmetry functions alone, not SOAP"):
        write_n2p2(network(SOAP(species=SALT, n_max=2, l_max=1)), tmp_path)
    weighted = ElementACSF.of([SymmetryFunction(5, (), 4.0, 0.1)], ("Si",))
    with pytest.raises((ExchangeError, ValueError), match="has no type in n2p2 or RuNNer"):
        write_n2p2(network(weighted), tmp_path)
    with pytest.raises(ValueError, match="`unit`: expected one of 'Bohr', 'Å'"):
        write_n2p2(network(table(SALT)), tmp_path, "nm")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "input.nn",
            "global_nodes_short 5 3",
            "global_nodes_short 5",
            r"input\.nn, line \d+: expected nodes of 2 layers",
        ),
        ("input.nn", "global_nodes_short 5 3", "", "expected a line `global_nodes_short`"),
        ("input.nn", "t p l", "t c l", "expected 3 functions of t"),
        ("input.nn", "remove_atom", "use_electrostatics\nremove_atom", "electrostatics is more than a NeuralNetwork"),
        ("input.nn", "remove_atom", "nnp_type 4G-HDNNP\nremove_atom", "second-generation potential"),
        ("input.nn", "scale_max_short 1.0", "scale_max_short 0", "expected scale_min_short below"),
        ("input.nn", "symfunction_short Cl", "#", "expected symmetry functions of Cl, got none"),
        ("input.nn", "symfunction_short Cl 2", "symfunction_short Cl 20", "expected a type of"),
        ("scaling.data", "         2          1 ", "         2          4 ", "expected element 2, function 1"),
        ("scaling.data", "         2          3 ", "#", "a line for each of 10 functions, got 9"),
        ("weights.017.data", " b ", " # ", "none"),
        ("weights.017.data", "E", "x", "expected a number"),
    ],
)
def test_damaged_files_are_refused(tmp_path, file, old, new, message) -> None:
    folder = write_n2p2(network(table(SALT)), tmp_path)[0]
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new) if message != "none" else "\n".join(text.splitlines()[:-1]))
    with pytest.raises(ExchangeError, match=message if message != "none" else "for a network 3 5 3 1, got 41"):
        read_n2p2(folder)


def test_missing_files(tmp_path) -> None:
    folder = write_n2p2(network(table(SALT)), tmp_path)[0]
    for name in ("weights.017.data", "scaling.data", "input.nn"):
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=name):
            read_n2p2(folder)
