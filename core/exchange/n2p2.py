r"""Neural-network potentials in the files of n2p2 and RuNNer.

A folder holds ``input.nn`` (elements, network, symmetry functions), ``scaling.data`` (smallest, largest, mean value and
standard deviation of each function) and ``weights.ZZZ.data`` for each element. With the scaled functions
:math:`x_f` of `FeatureScaling` and the node values

.. math:: a^l_k = \varphi_l\Big(b^l_k + \sum_h a^{l-1}_h W^l_{hk}\Big), \qquad
    E = \sum_i \left[ \frac{a^L_i}{c_E} + \bar e + e_{z_i} \right],

weights are in the order of the layers, and in each of the nodes h before, then of the nodes k, then the biases; and
functions in the order that n2p2 sorts them into: by the central element, type, cutoff, η, R_s, ζ, λ and the neighbours.
:math:`e_z` are the lines ``atom_energy``; :math:`\bar e` and :math:`c_E` are ``mean_energy`` and ``conv_energy``, the
normalisation of the data, if there is one. ``normalize_nodes`` divides what a node takes by the number of nodes before.

Energies are in Hartree where lengths are in Bohr, and in eV where they are in Å.

References
----------
A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019). doi:10.1021/acs.jctc.8b00770

J. Behler, G. Csányi, Eur. Phys. J. B 94, 142 (2021). doi:10.1140/epjb/s10051-021-00156-1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase import units
from ase.data import atomic_numbers

from potscope.core import symmetry_function_files
from potscope.core._types import Array, IntArray
from potscope.core.descriptors import ElementACSF
from potscope.core.descriptors.acsf import SymmetryFunctions
from potscope.core.exchange.lines import ExchangeError, Line, lines_of, number
from potscope.core.exchange.n2p2_committees import committee, folders_of
from potscope.core.models.feature_scaling import FeatureScaling
from potscope.core.models.network import Layer, Network
from potscope.core.models.neural_network import NeuralNetwork
from potscope.core.symmetry_function_files import LENGTHS
from potscope.core.symmetry_functions import SymmetryFunction
from potscope.core.validation import check_choice

ENERGIES = {"Bohr": units.Hartree, "Å": 1.0}
"""Unit of energy, eV, that goes with a unit of length."""
ACTIVATIONS = {"t": "tanh", "p": "softplus", "s": "logistic", "g": "gaussian", "l": "linear"}
SCALING = ("scale_symmetry_functions", "center_symmetry_functions", "scale_symmetry_functions_sigma")
REFUSED = {
    "element_hidden_layers_short": "networks of different shapes",
    "element_nodes_short": "networks of different shapes",
    "element_activation_short": "networks of different shapes",
    "use_electrostatics": "electrostatics",
    "fixed_charge": "electrostatics",
    "committee_mode": "a committee in the folders nnp-data-1 and so on, which are read from the folder of them all",
}
"""Keywords that change the energy in ways that a `NeuralNetwork` does not."""


def n2p2_order(functions: Sequence[SymmetryFunction], species: Sequence[str]) -> list[int]:
    """Positions of functions in n2p2's order, elements by their atomic numbers.

    Parameters
    ----------
    functions
        Each of a central element.
    species
        The elements.
    """
    place = {symbol: z for z, symbol in enumerate(sorted(species, key=atomic_numbers.__getitem__))}

    def key(index: int) -> tuple[float, ...]:
        own = functions[index]
        neighbours = sorted(place[symbol] for symbol in own.neighbours)
        kind = symmetry_function_files.type_of(own)
        return (place[own.centre], kind, own.cutoff, own.eta, own.shift, own.zeta, own.lambda_, *neighbours)

    return sorted(range(len(functions)), key=key)


# -- writing -----------------------------------------------------------------------------------------------------------


def write_n2p2(potential: NeuralNetwork, folder: str | Path, unit: str = "Bohr") -> list[Path]:
    """Write a fitted `NeuralNetwork` on symmetry functions for n2p2 and RuNNer.

    What scales the functions is put into the first layer as far as it is not n2p2's ``scale_symmetry_functions``.
    Functions whose scale is zero, as they did not vary in the data, are left out.

    Parameters
    ----------
    potential
        Fitted, on `ACSF`, `WeightedACSF` or `ElementACSF`.
    folder
        Where to; made if it is not there. Of a committee each network has a folder ``nnp-data-1`` and so on in it.
    unit
        ``"Bohr"``, with energies in Hartree, or ``"Å"``, with eV.

    Returns
    -------
    list of Path
        The folder of each network.

    Raises
    ------
    NotFitted
        Before ``fit``.
    ExchangeError
        If the descriptor or a function has no name in n2p2.
    """
    if not isinstance(potential, NeuralNetwork):
        raise ExchangeError(f"`potential`: expected a NeuralNetwork, got {type(potential).__name__}")
    check_choice("unit", unit, ENERGIES)
    potential.check_fitted()
    descriptor = potential.descriptor
    if not isinstance(descriptor, SymmetryFunctions):
        raise ExchangeError(
            f"`potential`: n2p2 knows symmetry functions alone, not {type(descriptor).__name__}; `write_mliap` and "
            f"`attach_to_lammps` take any"
        )
    tables = [_Table.of(descriptor, potential.scaling_, z) for z in range(len(descriptor.species))]
    several = len(potential.networks_) > 1
    folders = []
    for place, networks in enumerate(potential.networks_, start=1):
        target = Path(folder) / f"nnp-data-{place}" if several else Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        _write_one(target, descriptor, tables, networks, potential.offsets_, unit)
        folders.append(target)
    return folders


@dataclass(frozen=True)
class _Table:
    """The functions of one central element in n2p2's order: which features they are, and their scaling."""

    functions: tuple[SymmetryFunction, ...]
    feature_k: IntArray
    minimum_k: Array
    width_k: Array
    statistics_kx: Array
    shift_k: Array
    factor_k: Array

    @classmethod
    def of(cls, descriptor: SymmetryFunctions, scaling: FeatureScaling, z: int) -> _Table:
        symbol = descriptor.species[z]
        found = [
            (f, own if own.centre else own.about(symbol))
            for f, own in enumerate(descriptor.symmetry_functions)
            if own.centre in ("", symbol) and scaling.factor_zf[z, f] != 0
        ]
        if not found:
            raise ExchangeError(
                f"`potential`: none of the functions of {symbol} has a scale, and n2p2 wants at least one"
            )
        order = n2p2_order([own for _, own in found], descriptor.species)
        feature_k = np.array([found[k][0] for k in order])
        columns = (scaling.minimum_zf, scaling.maximum_zf, scaling.mean_zf, scaling.sigma_zf)
        statistics_kx = np.stack([column[z, feature_k] for column in columns], axis=1)
        # no range, or one value only, has no width, and n2p2 divides by it
        statistics_kx[~np.isfinite(statistics_kx).all(axis=1), :2] = 0.0
        width_k = statistics_kx[:, 1] - statistics_kx[:, 0]
        statistics_kx[width_k <= 0, 1] = statistics_kx[width_k <= 0, 0] + 1.0
        return cls(
            tuple(found[k][1] for k in order),
            feature_k,
            statistics_kx[:, 0],
            statistics_kx[:, 1] - statistics_kx[:, 0],
            statistics_kx,
            scaling.shift_zf[z, feature_k],
            scaling.factor_zf[z, feature_k],
        )

    def network(self, network: Network, unit: float) -> Network:
        """The network of functions that are scaled from 0 to 1, with energies in this unit."""
        first, *others = network.layers
        reduced = Network((Layer(first.weights_hk[self.feature_k], first.bias_k, first.activation), *others))
        inputs_kk = np.diag(self.factor_k * self.width_k)
        return reduced.transformed(inputs_kk, (self.minimum_k - self.shift_k) / self.width_k, 1 / unit)


def _write_one(
    target: Path,
    descriptor: SymmetryFunctions,
    tables: Sequence[_Table],
    networks: Sequence[Network],
    offsets_z: Array,
    unit: str,
) -> None:
    energy = ENERGIES[unit]
    written = [table.network(network, energy) for table, network in zip(tables, networks, strict=True)]
    text = _input_text(descriptor, tables, written, offsets_z / energy, unit)
    target.joinpath("input.nn").write_text(text, encoding="utf-8")
    rows = ["# element function smallest largest mean sigma"]
    for z, table in enumerate(tables, start=1):
        for k, values in enumerate(table.statistics_kx, start=1):
            rows.append(f"{z:10d} {k:10d} " + " ".join(f"{value:24.16E}" for value in values))
    target.joinpath("scaling.data").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for symbol, network in zip(descriptor.species, written, strict=True):
        name = f"weights.{atomic_numbers[symbol]:03d}.data"
        target.joinpath(name).write_text(_weights_text(network), encoding="utf-8")


def _input_text(
    descriptor: SymmetryFunctions, tables: Sequence[_Table], networks: Sequence[Network], offsets_z: Array, unit: str
) -> str:
    shapes = {tuple((layer.weights_hk.shape[1], layer.activation) for layer in network.layers) for network in networks}
    if len(shapes) > 1:
        raise ExchangeError("`potential`: n2p2 has one shape of hidden layers for all elements")
    letters = {name: letter for letter, name in ACTIVATIONS.items()}
    hidden = [nodes for nodes, _ in next(iter(shapes))[:-1]]
    functions = [own for table in tables for own in table.functions]
    try:
        lines = symmetry_function_files.write(
            functions, descriptor.species, descriptor.cutoff_function, unit, descriptor.inner_part
        )
    except ValueError as error:
        raise ExchangeError(str(error)) from error
    energies = zip(descriptor.species, offsets_z.tolist(), strict=True)
    reach = np.ceil(100 * max(own.cutoff for own in functions)) / 100 + 0.01  # Å; LAMMPS refuses less than the cutoff
    factors = f"cflength {1 / LENGTHS[unit]:.12g} cfenergy {1 / ENERGIES[unit]:.12g}"
    return (
        f"# lengths in {unit}, energies in {'Hartree' if unit == 'Bohr' else 'eV'}\n"
        f"# LAMMPS, units metal: pair_style hdnnp {reach:.2f} dir FOLDER {factors}\n"
        f"#                      pair_coeff * * {' '.join(descriptor.species)}\n"
        + lines
        + f"global_hidden_layers_short {len(hidden)}\n"
        + f"global_nodes_short {' '.join(map(str, hidden))}\n"
        + f"global_activation_short {' '.join(letters[name] for _, name in next(iter(shapes)))}\n"
        + "scale_symmetry_functions\nscale_min_short 0.0\nscale_max_short 1.0\n"
        + "remove_atom_energies\n"
        + "".join(f"atom_energy {symbol} {value!r}\n" for symbol, value in energies)
    )


def _weights_text(network: Network) -> str:
    rows = ["# value, a (weight) or b (bias), number, layer and node of the beginning, layer and node of the end"]
    count = 0
    for l, layer in enumerate(network.layers, start=1):
        for h, own_k in enumerate(layer.weights_hk, start=1):
            for k, value in enumerate(own_k, start=1):
                count += 1
                rows.append(f"{value:24.16E} a {count:9d} {l - 1:5d} {h:5d} {l:5d} {k:5d}")
        for k, value in enumerate(layer.bias_k, start=1):
            count += 1
            rows.append(f"{value:24.16E} b {count:9d} {l:5d} {k:5d}")
    return "\n".join(rows) + "\n"


# -- reading -----------------------------------------------------------------------------------------------------------


def read_n2p2(folder: str | Path, unit: str = "Bohr") -> NeuralNetwork:
    """Read a neural-network potential of n2p2 or RuNNer.

    Parameters
    ----------
    folder
        That holds ``input.nn``, ``scaling.data`` and ``weights.ZZZ.data``; or, of a committee, the folders
        ``nnp-data-1``, ``nnp-data-2`` and so on, each with these.
    unit
        Of the lengths in the files: ``"Bohr"``, with energies in Hartree, or ``"Å"``, with eV.

    Returns
    -------
    NeuralNetwork
        On an `ElementACSF` whose functions are in n2p2's order. Of one network there is no standard deviation.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ExchangeError
        With file and line, if numbers are missing or a keyword asks for what a `NeuralNetwork` is not: electrostatics,
        compact symmetry functions, other activations. If the functions of a committee differ.
    """
    check_choice("unit", unit, ENERGIES)
    source = Path(folder)
    folders = folders_of(source)
    return committee([_read_one(own, unit) for own in folders], folders) if folders else _read_one(source, unit)


def _read_one(source: Path, unit: str) -> NeuralNetwork:
    settings = _Settings.read(_existing(source / "input.nn"), unit)
    functions = [settings.functions[k] for k in n2p2_order(settings.functions, settings.species)]
    descriptor = ElementACSF.of(functions, settings.species, settings.cutoff_function, settings.inner_fraction)
    centre_f = np.array([settings.species.index(own.centre) for own in functions])
    scaling = _read_scaling(source / "scaling.data", settings, centre_f)
    networks = [
        _read_weights(_existing(source / f"weights.{atomic_numbers[symbol]:03d}.data"), settings, centre_f == z)
        for z, symbol in enumerate(settings.species)
    ]
    offsets = [settings.offset(symbol) for symbol in settings.species]
    return NeuralNetwork.from_networks(descriptor, [networks], scaling, offsets)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"`folder`: there is no file {path}")
    return path


@dataclass(frozen=True)
class _Settings:
    """What an ``input.nn`` says of the networks; energies of the file in units of `energy`, eV."""

    species: tuple[str, ...]
    functions: tuple[SymmetryFunction, ...]
    cutoff_function: str
    inner_fraction: float
    hidden: tuple[int, ...]
    activations: tuple[str, ...]
    scaling: tuple[str, ...]
    interval: tuple[float, float]
    divided: bool
    conversion: float
    mean: float
    atoms: dict[str, float]
    energy: float

    @classmethod
    def read(cls, path: Path, unit: str) -> _Settings:
        lines = lines_of(path)
        found: dict[str, list[Line]] = {}
        for line in lines:
            found.setdefault(line.words[0], []).append(line)
        for name, what in REFUSED.items():
            if name in found:
                raise found[name][0].error(f"no {name}: {what} is more than a NeuralNetwork holds")
        for name in ("nnp_type", "nnp_type_gen", "nnp_gen"):
            if name in found and found[name][0].words[-1] not in ("2", "2G", "2G-HDNNP", "1"):
                raise found[name][0].error("a second-generation potential (2G-HDNNP)")
        try:
            symmetry = symmetry_function_files.read(path, unit)
        except ValueError as error:
            raise ExchangeError(f"{path.name}: {error}") from error
        lonely = [symbol for symbol in symmetry.species if symbol not in {own.centre for own in symmetry.functions}]
        if lonely:
            raise ExchangeError(f"{path.name}: expected symmetry functions of {', '.join(lonely)}, got none")
        hidden, activations = _shape(path, found)

        def one(name: str, usual: float) -> float:
            return number(found[name][-1], _after(found[name][-1])) if name in found else usual

        return cls(
            species=symmetry.species,
            functions=symmetry.functions,
            cutoff_function=symmetry.cutoff_function,
            inner_fraction=symmetry.inner_fraction,
            hidden=hidden,
            activations=activations,
            scaling=tuple(name for name in SCALING if name in found),
            interval=(one("scale_min_short", 0.0), one("scale_max_short", 1.0)),
            divided="normalize_nodes" in found,
            conversion=one("conv_energy", 1.0),
            mean=one("mean_energy", 0.0),
            atoms={_after(line): number(line, line.words[-1]) for line in found.get("atom_energy", [])},
            energy=ENERGIES[unit],
        )

    def offset(self, symbol: str) -> float:
        """What an atom has beside the output of its network, eV."""
        return (self.mean + self.atoms.get(symbol, 0.0)) * self.energy


def _after(line: Line) -> str:
    if len(line.words) < 2:
        raise line.error(f"a value after {line.words[0]}")
    return line.words[1]


def _shape(path: Path, found: dict[str, list[Line]]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Nodes of the hidden layers, and functions of all layers."""
    for name in ("global_hidden_layers_short", "global_nodes_short", "global_activation_short"):
        if name not in found:
            raise ExchangeError(f"{path.name}: expected a line `{name}`")
    count_line, nodes_line = found["global_hidden_layers_short"][-1], found["global_nodes_short"][-1]
    count = int(number(count_line, _after(count_line)))
    nodes = tuple(int(number(nodes_line, word)) for word in nodes_line.words[1:])
    if len(nodes) != count or min(nodes, default=1) < 1:
        raise nodes_line.error(f"nodes of {count} layers")
    line = found["global_activation_short"][-1]
    letters = line.words[1:]
    if len(letters) != count + 1 or any(letter not in ACTIVATIONS for letter in letters) or letters[-1] != "l":
        known = ", ".join(f"{letter} ({name})" for letter, name in ACTIVATIONS.items())
        raise line.error(f"{count + 1} functions of {known}, the last l")
    return nodes, tuple(ACTIVATIONS[letter] for letter in letters)


def _read_scaling(path: Path, settings: _Settings, centre_f: IntArray) -> FeatureScaling:
    """Statistics of the functions in n2p2's order, element by element; what follows them is not looked at."""
    statistics = _statistics(path, settings, centre_f)
    minimum_zf, maximum_zf, mean_zf, sigma_zf = statistics
    low, high = settings.interval
    if not low < high:
        raise ExchangeError(f"input.nn: expected scale_min_short below scale_max_short, got {low:g} and {high:g}")
    own_zf = centre_f == np.arange(len(settings.species))[:, None]
    both = set(SCALING[:2]) <= set(settings.scaling)
    if "scale_symmetry_functions" in settings.scaling:
        width_zf, start_zf = maximum_zf - minimum_zf, mean_zf if both else minimum_zf
    elif "scale_symmetry_functions_sigma" in settings.scaling:
        width_zf, start_zf = sigma_zf, mean_zf
    else:
        centred = "center_symmetry_functions" in settings.scaling
        width_zf, start_zf, low, high = np.ones_like(mean_zf), mean_zf if centred else np.zeros_like(mean_zf), 0.0, 1.0
    if (width_zf[own_zf] <= 0).any():
        f = int(np.flatnonzero((own_zf & (width_zf <= 0)).any(axis=0))[0])
        raise ExchangeError(f"{path.name}: function {f + 1} has no range or deviation, and n2p2 divides by it")
    factor_zf = np.where(own_zf, (high - low) / np.where(own_zf, width_zf, 1.0), 0.0)
    shift_zf = np.where(own_zf, start_zf - low / np.where(own_zf, factor_zf, 1.0), 0.0)
    return FeatureScaling(minimum_zf, maximum_zf, mean_zf, sigma_zf, shift_zf, factor_zf)


def _statistics(path: Path, settings: _Settings, centre_f: IntArray) -> Array:
    """The four columns for each element and function; zero for functions of other elements, no range without a file."""
    n_features, n_species = len(centre_f), len(settings.species)
    statistics = np.zeros((4, n_species, n_features))
    if not settings.scaling and not path.is_file():
        statistics[0], statistics[1] = -np.inf, np.inf
        return statistics
    lines = lines_of(_existing(path))
    if len(lines) < n_features:
        raise ExchangeError(f"{path.name}: expected a line for each of {n_features} functions, got {len(lines)}")
    for f, line in enumerate(lines[:n_features]):
        z = int(centre_f[f])
        place = f - int(np.searchsorted(centre_f, z)) + 1
        values = [number(line, word) for word in line.words]
        if len(values) not in (5, 6) or values[:2] != [z + 1, place]:
            raise line.error(f"element {z + 1}, function {place} and three or four numbers")
        statistics[: len(values) - 2, z, f] = values[2:]
    return statistics


def _read_weights(path: Path, settings: _Settings, own_f: Array) -> Network:
    """The network of one element, with zeros for the functions of others."""
    lines = lines_of(path)
    values = np.array([number(line, line.words[0]) for line in lines])
    sizes = [int(own_f.sum()), *settings.hidden, 1]
    expected = sum((before + 1) * nodes for before, nodes in pairwise(sizes))
    if len(values) != expected:
        shape = " ".join(map(str, sizes))
        raise ExchangeError(f"{path.name}: expected {expected} numbers for a network {shape}, got {len(values)}")
    layers, done = [], 0
    for l, (before, nodes) in enumerate(pairwise(sizes)):
        middle, end = done + before * nodes, done + (before + 1) * nodes
        weights_hk, bias_k = values[done:middle].reshape(before, nodes), values[middle:end]
        if settings.divided:
            weights_hk, bias_k = weights_hk / before, bias_k / before
        if l == 0:
            whole_hk = np.zeros((len(own_f), nodes))
            whole_hk[own_f] = weights_hk
            weights_hk = whole_hk
        if l == len(sizes) - 2:
            scale = settings.energy / settings.conversion
            weights_hk, bias_k = weights_hk * scale, bias_k * scale
        layers.append(Layer(weights_hk, bias_k, settings.activations[l]))
        done = end
    return Network(tuple(layers))
