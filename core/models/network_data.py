r"""What a fit of networks needs of each structure, computed once: inputs, and how forces follow from slopes.

With :math:`\mathbf x_n` the inputs of the network of atom n and :math:`\mathbf g_n = \partial\varepsilon_n/\partial
\mathbf x_n`, forces and virials of one structure are linear in all :math:`\mathbf g_n`:

.. math::
    \mathbf F_i = \sum_{b:\,i_b=i} \mathbf J_b\,\mathbf g_i - \sum_{b:\,j_b=i} \mathbf J_b\,\mathbf g_{i_b}, \qquad
    W_v = \sum_n \mathbf V_{nv}\cdot\mathbf g_n .

A block b stands for all pairs from atom i to images of atom j, :math:`\mathbf J_b = \sum_{p\in b} \partial\mathbf x_i /
\partial\mathbf D_p`; an atom and its own images have none. The way back, from :math:`\mathbf R_i = \partial L/\partial
\mathbf F_i` and :math:`S_v = \partial L/\partial W_v`, is

.. math::
    \mathbf t_n = \frac{\partial L}{\partial\mathbf g_n} = \sum_{b:\,i_b=n} \mathbf J_b^{\mathsf T}
    (\mathbf R_n - \mathbf R_{j_b}) + \sum_v S_v \mathbf V_{nv} .

Blocks of structures are kept as long as they are within `MOST_BYTES` together, in the order of the data; those of the
other structures are computed again whenever they are needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.dataset import Dataset
from potscope.core.descriptors import LocalDescriptor
from potscope.core.models.feature_scaling import FeatureScaling
from potscope.core.models.group_weights import Weights
from potscope.core.models.local_energies import VOIGT
from potscope.core.models.network import Network
from potscope.core.models.offsets import offsets_of
from potscope.core.pairs import Pairs
from potscope.core.progress import Progress

MOST_BYTES = 2_000_000_000
"""What the blocks of all structures of a fit may take together; float64."""

NEGLIGIBLE = 1e-5  # of what whitening adds to the variances: a component of less is left out
ROUNDING = 1e-14  # of the largest variance


class Blocks(NamedTuple):
    """How forces and virials of one structure follow from slopes.

    Attributes
    ----------
    first_n
        The blocks of atom n are ``first_n[n]:first_n[n + 1]``.
    j_b
        The other atom of each.
    J_bck
        Shape (blocks, 3, inputs).
    V_nvk
        Shape (atoms, 6, inputs), Voigt order.
    """

    first_n: IntArray
    j_b: IntArray
    J_bck: Array
    V_nvk: Array

    @property
    def n_bytes(self) -> int:
        """Memory that they take."""
        return sum(part.nbytes for part in self)


@dataclass(frozen=True, eq=False)
class Inputs:
    r"""From features to the inputs that networks are trained on, :math:`\mathbf x = (\mathbf G - \mathbf s)\mathbf M`.

    Attributes
    ----------
    shift_zf
        Shape (species, features).
    maps
        For each species :math:`\mathbf M`, shape (features, inputs); the number of inputs is the same for all.
    """

    shift_zf: Array
    maps: tuple[Array, ...]

    @property
    def size(self) -> int:
        """Number of inputs."""
        return int(self.maps[0].shape[1])

    def of(self, values_nf: Array, species_n: IntArray) -> Array:
        """The inputs of atoms, shape (atoms, inputs)."""
        x_nk = np.empty((len(values_nf), self.size))
        for z in np.unique(species_n):
            rows = species_n == z
            x_nk[rows] = (values_nf[rows] - self.shift_zf[z]) @ self.maps[z]
        return x_nk

    def folded(self, networks: Sequence[Network], unit: float, scaling: FeatureScaling) -> tuple[Network, ...]:
        """Networks of these inputs with outputs in this unit as networks of scaled features with outputs in eV."""
        found = []
        for z, network in enumerate(networks):
            factor_f = scaling.factor_zf[z]
            varies_f = factor_f != 0
            from_scaled_fk = np.where(varies_f, 1 / np.where(varies_f, factor_f, 1.0), 0.0)[:, None] * self.maps[z]
            shift_f = (scaling.shift_zf[z] - self.shift_zf[z]) * factor_f
            found.append(network.transformed(from_scaled_fk, shift_f, unit))
        return tuple(found)

    def derivatives(self, J_pcf: Array, species_p: IntArray) -> Array:
        """Derivatives of the inputs from those of the features, for centres of these species."""
        present = np.unique(species_p)
        if len(present) == 1:
            return np.asarray(J_pcf @ self.maps[present[0]])
        J_pck = np.empty((*J_pcf.shape[:2], self.size))
        for z in present:
            J_pck[species_p == z] = J_pcf[species_p == z] @ self.maps[z]
        return J_pck


def principal_inputs(values_nf: Array, species_n: IntArray, scaling: FeatureScaling, whitening: float) -> Inputs:
    r"""Principal components of the scaled features of each element, divided by the roots of their variances.

    .. math:: \mathbf x = (\mathbf G - \bar{\mathbf G})\,\mathbf M, \qquad
        M_{fk} = \frac{c_f U_{fk}}{\sqrt{\lambda_k + w \lambda_1}},

    with the eigenvectors and -values :math:`\mathbf U`, :math:`\lambda_k` of the covariance of :math:`c_f G_f`, and
    :math:`w` the `whitening`. Components of :math:`\lambda_k < 10^{-5} w\lambda_1` are left out: their inputs
    would be less than three thousandths of the first's.
    """
    found = []
    for z in range(len(scaling.mean_zf)):
        x_nf = (values_nf[species_n == z] - scaling.mean_zf[z]) * scaling.factor_zf[z]
        _, s_k, U_kf = np.linalg.svd(x_nf, full_matrices=False) if len(x_nf) else (None, np.zeros(0), x_nf)
        variance_k = s_k**2 / max(1, len(x_nf))
        largest = variance_k.max(initial=0.0)
        kept = variance_k > max(ROUNDING, NEGLIGIBLE * whitening) * largest
        scale_k = 1 / np.sqrt(variance_k[kept] + whitening * largest)
        found.append(scaling.factor_zf[z][:, None] * U_kf[kept].T * scale_k)
    size = max(1, *(map_fk.shape[1] for map_fk in found))
    maps = tuple(np.pad(map_fk, ((0, 0), (0, size - map_fk.shape[1]))) for map_fk in found)
    return Inputs(scaling.mean_zf, maps)


@dataclass(eq=False)
class Example:
    """One structure of the data: its inputs, its references less what is not to be learnt, and their weights.

    Attributes
    ----------
    atoms
        The structure.
    x_nk, species_n
        Inputs of its atoms, shape (atoms, inputs), and their species.
    energy, forces_nc, virial_v
        Energy less those of its elements, eV; forces, eV/Å; −stress × volume, eV, Voigt order. Zero where unknown.
    energy_weight, force_weight_nc, virial_weight_v
        What residuals of these are multiplied by; zero where the reference is unknown.
    """

    atoms: Atoms
    x_nk: Array
    species_n: IntArray
    energy: float
    forces_nc: Array
    virial_v: Array
    energy_weight: float
    force_weight_nc: Array
    virial_weight_v: Array
    kept: Blocks | None = field(default=None, repr=False)

    @cached_property
    def has_derivatives(self) -> bool:
        """Whether there is a force or a stress to learn."""
        return bool(self.force_weight_nc.any() or self.virial_weight_v.any())

    @cached_property
    def n_equations(self) -> int:
        """How many numbers there are to learn."""
        weights = (self.energy_weight, self.force_weight_nc, self.virial_weight_v)
        return sum(int(np.count_nonzero(values)) for values in weights)

    @property
    def squares(self) -> float:
        """Sum of the squares of the weighted references."""
        of_energy = (self.energy_weight * self.energy) ** 2
        of_forces, of_virial = self.force_weight_nc * self.forces_nc, self.virial_weight_v * self.virial_v
        return float(of_energy + np.sum(of_forces**2) + np.sum(of_virial**2))


def by_content(train: Dataset) -> tuple[Dataset, list[str]]:
    """The data in an order that depends on nothing but what they are, and a name for each structure that says it."""
    digests = []
    for atoms, energy in zip(train.structures, train.energies, strict=True):
        content = hashlib.sha256(atoms.numbers.astype(np.int64).tobytes())
        for values in (atoms.positions, atoms.cell.array, atoms.pbc.astype(float), np.array([energy])):
            content.update(np.ascontiguousarray(values, dtype=float).tobytes())
        digests.append(content.hexdigest())
    order = np.argsort(digests, kind="stable")
    return train[order], [digests[index] for index in order]


def examples_of(
    train: Dataset,
    descriptor: LocalDescriptor,
    inputs: Inputs,
    values: Sequence[Array],
    offsets_z: Array,
    weights_s: Sequence[Weights],
) -> list[Example]:
    """The structures of a data set whose features are known, without blocks yet."""
    examples = []
    for s, atoms in enumerate(train.structures):
        weights, forces_nc, stress_v = weights_s[s], train.forces[s], train.stresses[s]
        known_nc = np.zeros((len(atoms), 3), bool) if forces_nc is None else np.isfinite(forces_nc)
        knows_stress, knows_energy = bool(np.isfinite(stress_v).all()), bool(np.isfinite(train.energies[s]))
        volume = atoms.get_volume() if knows_stress else 1.0
        species_n = descriptor.species_of(atoms.numbers)
        offset = offsets_of(atoms.numbers, descriptor.species, offsets_z).sum()
        examples.append(
            Example(
                atoms=atoms,
                x_nk=inputs.of(values[s], species_n),
                species_n=species_n,
                energy=float(train.energies[s] - offset) if knows_energy else 0.0,
                forces_nc=np.zeros((len(atoms), 3)) if forces_nc is None else np.where(known_nc, forces_nc, 0.0),
                virial_v=-stress_v * volume if knows_stress else np.zeros(6),
                energy_weight=knows_energy * weights.energy / len(atoms),
                force_weight_nc=known_nc * weights.force,
                virial_weight_v=np.full(6, knows_stress * weights.stress / volume),
            )
        )
    return examples


class BlockStore:
    """The blocks of examples: kept as far as there is room, otherwise computed whenever they are asked for."""

    def __init__(self, descriptor: LocalDescriptor, inputs: Inputs) -> None:
        self.descriptor, self.inputs = descriptor, inputs

    def fill(self, examples: Sequence[Example], progress: Progress) -> None:
        """Compute the blocks of as many examples as may be kept."""
        taken = 0
        for index, example in enumerate(examples):
            progress(index / len(examples), f"derivatives of structure {index + 1} of {len(examples)}")
            if not example.has_derivatives:
                continue
            blocks = self._made(example)
            taken += blocks.n_bytes
            if taken > MOST_BYTES:
                return
            example.kept = blocks

    def blocks(self, example: Example) -> Blocks:
        """Those of one example."""
        return example.kept if example.kept is not None else self._made(example)

    def _made(self, example: Example) -> Blocks:
        pairs = Pairs.from_structures([example.atoms], self.descriptor.reach)
        J_pcf = self.descriptor.compute_pairs(pairs).jacobian()
        J_pck = self.inputs.derivatives(J_pcf, example.species_n[pairs.i_p])
        return blocks_of(pairs, J_pck)


def blocks_of(pairs: Pairs, J_pck: Array) -> Blocks:
    """Derivatives by pair vectors of one structure, those to images of one atom together."""
    n_atoms, n_inputs = pairs.n_atoms, J_pck.shape[2]
    V_nvk = np.zeros((n_atoms, 6, n_inputs))
    D_pc = pairs.D_pc
    for v, (a, b) in enumerate(VOIGT):
        tensor_pk = 0.5 * (D_pc[:, a, None] * J_pck[:, b] + D_pc[:, b, None] * J_pck[:, a])
        V_nvk[:, v] -= _sums(tensor_pk, pairs.first_n)
    code_p = pairs.i_p * n_atoms + pairs.j_p
    code_b, first_b = np.unique(code_p, return_index=True)  # pairs are sorted by centre and neighbour
    J_bck = np.add.reduceat(J_pck, first_b) if len(first_b) else J_pck
    i_b, j_b = code_b // n_atoms, code_b % n_atoms
    others = i_b != j_b
    first_n = np.searchsorted(i_b[others], np.arange(n_atoms + 1)).astype(np.int64)
    return Blocks(first_n, j_b[others], np.ascontiguousarray(J_bck[others]), V_nvk)


def _sums(values_pk: Array, first_n: IntArray) -> Array:
    """Sums over the pairs of each atom, shape (atoms, columns)."""
    sums_nk = np.zeros((len(first_n) - 1, values_pk.shape[1]))
    filled = np.flatnonzero(np.diff(first_n))
    if len(filled):
        sums_nk[filled] = np.add.reduceat(values_pk, first_n[filled])
    return sums_nk


@kernel
def forces_and_virial(
    first_n: IntArray, j_b: IntArray, J_bck: Array, V_nvk: Array, g_nk: Array, forces_nc: Array, virial_v: Array
) -> None:
    """Forces, eV/Å, and virial, eV, of one structure from slopes; both are added to."""
    size = np.uint64(g_nk.shape[1])
    for n in range(g_nk.shape[0]):
        for b in range(first_n[n], first_n[n + 1]):
            j = j_b[b]
            for c in range(3):
                total = 0.0
                for k in range(size):
                    total += J_bck[b, c, k] * g_nk[n, k]
                forces_nc[n, c] += total
                forces_nc[j, c] -= total
        for v in range(6):
            total = 0.0
            for k in range(size):
                total += V_nvk[n, v, k] * g_nk[n, k]
            virial_v[v] += total


@kernel
def slope_gradient(
    first_n: IntArray, j_b: IntArray, J_bck: Array, V_nvk: Array, R_nc: Array, S_v: Array, t_nk: Array
) -> None:
    """What the loss of one structure has as derivatives by the slopes; they are added to."""
    size = np.uint64(t_nk.shape[1])
    for n in range(t_nk.shape[0]):
        for b in range(first_n[n], first_n[n + 1]):
            j = j_b[b]
            x, y, z = R_nc[n, 0] - R_nc[j, 0], R_nc[n, 1] - R_nc[j, 1], R_nc[n, 2] - R_nc[j, 2]
            for k in range(size):
                t_nk[n, k] += J_bck[b, 0, k] * x + J_bck[b, 1, k] * y + J_bck[b, 2, k] * z
        for v in range(6):
            for k in range(size):
                t_nk[n, k] += V_nvk[n, v, k] * S_v[v]


@kernel
def compared(
    first_n: IntArray,
    j_b: IntArray,
    J_bck: Array,
    V_nvk: Array,
    g_nk: Array,
    reference_nc: Array,
    weight_nc: Array,
    reference_v: Array,
    weight_v: Array,
    wants_gradient: bool,
    t_nk: Array,
) -> float:
    """Sum of the squares of one structure's residuals of forces and virial; half their derivatives are added to t."""
    forces_nc, virial_v, squares = np.zeros((g_nk.shape[0], 3)), np.zeros(6), 0.0
    forces_and_virial(first_n, j_b, J_bck, V_nvk, g_nk, forces_nc, virial_v)
    for n in range(g_nk.shape[0]):
        for c in range(3):
            left = weight_nc[n, c] * (forces_nc[n, c] - reference_nc[n, c])
            squares += left * left
            forces_nc[n, c] = weight_nc[n, c] * left
    for v in range(6):
        left = weight_v[v] * (virial_v[v] - reference_v[v])
        squares += left * left
        virial_v[v] = weight_v[v] * left
    if wants_gradient:
        slope_gradient(first_n, j_b, J_bck, V_nvk, forces_nc, virial_v, t_nk)
    return squares
