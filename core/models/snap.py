"""Spectral neighbour analysis potentials: linear in the descriptors of atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from potscope.core._types import Array, IntArray
from potscope.core.calibration import Recalibration
from potscope.core.dataset import Dataset
from potscope.core.descriptors import LocalDescriptor
from potscope.core.features import Features, Gradient
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import LocalPotential, learnt_from
from potscope.core.models.descriptor_files import local_descriptor_from, plain_of
from potscope.core.models.extrapolation import ActiveSets
from potscope.core.models.group_weights import Weights, settings_of
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.left_out_rows import Sample, recalibration_of
from potscope.core.models.linear_solvers import Reduced, Solution, automatic_relevance, least_squares, ridge
from potscope.core.models.local_energies import by_centres, summed, virials_of, voigt
from potscope.core.models.offsets import least_squares_offsets
from potscope.core.models.training import check_energies
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import check_array, shown
from potscope.core.zbl import ZBL

Rows = tuple[Array, Array]

MOST_SLOPES = 20_000_000  # derivatives of features by pair vectors that are held at once: 160 MB, and copies


@dataclass(eq=False)
class SNAP(LocalPotential):
    r"""Spectral neighbour analysis potential: local energies that are linear in the features of the environment.

    .. math:: E = \sum_i \left[ \beta^0_{z_i} + \boldsymbol\beta_{z_i}\cdot\mathbf G_i \right] + E_\text{ZBL}

    With a `Bispectrum` it is what LAMMPS' ``pair_style snap`` computes, and with its `quadraticflag` the quadratic
    one; any local descriptor will do. The coefficients of each element are those that make

    .. math::
        \sum_s \left[ w^E_s \frac{E_s - E^\text{ref}_s}{N_s} \right]^2
        + \sum_{s,i,c} \left[ w^F_s (F_{ic} - F^\text{ref}_{ic}) \right]^2
        + \sum_{s,ab} \left[ w^\sigma_s (\sigma_{s,ab} - \sigma^\text{ref}_{s,ab}) \right]^2

    smallest, as in FitSNAP. Forces and stresses are equations of their own, made structure by structure and folded
    into a QR decomposition. With ``solver="ridge"`` a small multiple of the squares of the coefficients is added, in
    units in which each column of the equations has length one, and what is not determined is near the energy of the
    atoms alone; see `linear_solvers` for the three.

    With the residuals' variance :math:`s^2` and the triangle :math:`\mathbf R` of the weighted equations, regularised
    as they were solved, the standard deviation of a total energy with summed features :math:`\mathbf x` is by its
    leverage

    .. math:: \sigma_E = a_E\, s\,\sqrt{\mathbf x^{\mathsf T} (\mathbf R^{\mathsf T}\mathbf R)^{-1}\mathbf x} .

    It is the same for a local energy, with the features of one atom, and for a component of a force, with their
    derivatives and :math:`a_F`. Without the factors it is what noise of the references makes of the coefficients. But
    references have next to no noise: what is left over is what no coefficients can describe, it is alike in forces of
    like environments, and more data make it no smaller. So the factors are those by which half of the energies, and of
    the forces, are within the interval that says so where each is left out of the fit; see `left_out_rows`. The
    deviations are then those of errors against references.

    The extrapolation grade of an atom compares its environment with those of the data, whatever their references are;
    see `ActiveSets`.

    Parameters
    ----------
    descriptor
        A local descriptor, such as `Bispectrum`.
    solver, ridge, energy_weight, force_weight, stress_weight, zbl_inner, zbl_outer
        As declared; see ``declared(SNAP)``.

    Attributes
    ----------
    coefficients_
        :math:`\beta^0_z` and :math:`\boldsymbol\beta_z` of each species of the descriptor, eV per unit of the feature,
        shape (species, 1 + features): in the order of a ``.snapcoeff`` file.
    recalibration_
        The factors :math:`a_E` and :math:`a_F`; 1 for files from before there were any.

    References
    ----------
    A. P. Thompson, L. P. Swiler, C. R. Trott, S. M. Foiles, G. J. Tucker, J. Comput. Phys. 285, 316 (2015).
    doi:10.1016/j.jcp.2014.12.018

    M. A. Wood, A. P. Thompson, J. Chem. Phys. 148, 241721 (2018), for the quadratic one. doi:10.1063/1.5017641

    A. Rohskopf et al., J. Open Source Softw. 8, 5118 (2023). doi:10.21105/joss.05118

    T. D. Swinburne, D. Perez, Mach. Learn.: Sci. Technol. 6, 015008 (2025), for why noise does not tell the errors of
    models that are too simple. doi:10.1088/2632-2153/ad9fce

    E. V. Podryabinkin, A. V. Shapeev, Comput. Mater. Sci. 140, 171 (2017), for the grade.
    doi:10.1016/j.commatsci.2017.08.031
    """

    title: ClassVar[str] = "Linear potential (SNAP)"
    has_energy_std: ClassVar[bool] = True
    has_atom_std: ClassVar[bool] = True
    has_extrapolation: ClassVar[bool] = True
    group_settings: ClassVar = Weights

    descriptor: LocalDescriptor
    solver: str = hyperparameter(
        "How the weighted equations are solved.",
        default="ridge",
        choices=("ridge", "least squares", "automatic relevance"),
    )
    ridge: float = hyperparameter(
        "Strength of the ridge, for columns of length one.", default=1e-8, bounds=(1e-15, 1e3)
    )
    energy_weight: float = hyperparameter("Weight of energies.", default=100.0, unit="atom/eV", bounds=(0.0, 1e9))
    force_weight: float = hyperparameter("Weight of forces.", default=1.0, unit="Å/eV", bounds=(0.0, 1e9))
    stress_weight: float = hyperparameter("Weight of stresses.", default=10.0, unit="Å³/eV", bounds=(0.0, 1e9))
    zbl_inner: float = hyperparameter(
        "Where the ZBL repulsion begins to be switched off.", default=0.0, unit="Å", bounds=(0.0, 20.0)
    )
    zbl_outer: float = hyperparameter(
        "Where nothing is left of the ZBL repulsion; 0 for none.", default=0.0, unit="Å", bounds=(0.0, 20.0)
    )

    groups_: dict[str, Weights] = field(init=False, repr=False)
    coefficients_: Array = field(init=False, repr=False)
    recalibration_: Recalibration = field(init=False, repr=False, default=Recalibration())
    _spread_kk: Array | None = field(init=False, repr=False, default=None)
    _active: ActiveSets | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if not isinstance(self.descriptor, LocalDescriptor):
            raise TypeError(f"`descriptor`: expected a local descriptor such as Bispectrum, got {self.descriptor!r}")
        if self.zbl_inner > 0 and self.zbl_inner >= self.zbl_outer:
            raise ValueError(
                f"`zbl_inner`: expected less than `zbl_outer`, {self.zbl_outer:g} Å, got {self.zbl_inner:g}"
            )

    @classmethod
    def from_coefficients(
        cls,
        descriptor: LocalDescriptor,
        coefficients: ArrayLike,
        offsets: ArrayLike | None = None,
        repulsion: ZBL | None = None,
    ) -> Self:
        r"""A potential of coefficients that are known, such as those of another code.

        Nothing tells how sure they are: it has neither standard deviations nor extrapolation grades.

        Parameters
        ----------
        descriptor
            What the energies are linear in.
        coefficients
            :math:`\beta^0_z` and :math:`\boldsymbol\beta_z` for each species of the descriptor, eV per unit of the
            feature, shape (species, 1 + features): in the order of a ``.snapcoeff`` file.
        offsets
            Energies of single atoms, eV, shape (species,), that are added to the constants, where the coefficients were
            fitted to energies less these.
        repulsion
            What the linear part is on top of.

        Raises
        ------
        TypeError
            If the descriptor is none of atoms, or the repulsion no `ZBL`.
        ValueError
            If a shape is another or a number is not finite.

        Examples
        --------
        >>> from potscope.core.descriptors import Bispectrum
        >>> bispectrum = Bispectrum(species=["Ta"], twojmax=2, rcutfac=4.7)
        >>> potential = SNAP.from_coefficients(bispectrum, [[-2.9, -0.01, 0.02, 0.1, -0.05, 0.03]], offsets=[-11.8])
        >>> potential.coefficients_.shape, potential.has_energy_std
        ((1, 6), False)
        """
        if repulsion is not None and not isinstance(repulsion, ZBL):
            raise TypeError(f"`repulsion`: expected a ZBL or None, got {shown(repulsion)}")
        inner, outer = (repulsion.inner, repulsion.outer) if repulsion is not None else (0.0, 0.0)
        potential = cls(descriptor, zbl_inner=inner, zbl_outer=outer)
        n_species = len(descriptor.species)
        known_zk = check_array("coefficients", coefficients, (n_species, 1 + len(descriptor.names))).copy()
        if offsets is not None:
            known_zk[:, 0] += check_array("offsets", offsets, (n_species,))
        potential._keep(known_zk, None, None, {})
        return potential

    def _keep(
        self,
        coefficients_zk: Array,
        spread_kk: Array | None,
        active: ActiveSets | None,
        groups: dict[str, Weights],
        recalibration: Recalibration | None = None,
    ) -> None:
        """Take what has been learnt, and say which deviations follow from it."""
        self.groups_, self.coefficients_ = groups, coefficients_zk
        self.recalibration_ = recalibration or Recalibration()
        self._spread_kk, self._active = spread_kk, active
        known = spread_kk is not None
        self._tells(has_energy_std=known, has_atom_std=known, has_extrapolation=active is not None)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "coefficients_")

    @property
    def repulsion(self) -> ZBL | None:
        """The repulsion that the linear part is on top of."""
        return ZBL(self.zbl_inner, self.zbl_outer) if self.zbl_outer > 0 else None

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Weights] | None = None) -> Self:
        """Learn from energies, forces and stresses, as far as the data set has them.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called before every structure; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Weights of groups of the data set; others have `energy_weight`, `force_weight` and `stress_weight`.

        Raises
        ------
        TypeError
            If something else than `Weights` is given for a group.
        ValueError
            If there is no energy to fit to, an element the descriptor does not know, a group that the data set does
            not have, or no equation with a weight.
        """
        check_energies(train)
        self.descriptor.check_species(train.structures)
        default = Weights(self.energy_weight, self.force_weight, self.stress_weight)
        given = self.checked_groups(train, groups)
        weights_s = settings_of(train, default, given)
        progress(0.0, "compiling the kernels and describing the environments")
        offsets_z = self._offsets(train)
        n_columns = len(offsets_z) * (1 + len(self.descriptor.names))
        equations, energies, forces = TriangularLeastSquares(n_columns), Sample(), Sample()
        for index in range(len(train)):
            progress(0.8 * index / len(train), f"structure {index + 1} of {len(train)}")
            with learnt_from([train.ids[index]]):
                parts = self._equations(train, index, offsets_z, weights_s[index])
            for A, b in parts:
                equations.add(A, b)
            energies.add(*parts[0])
            forces.add(*parts[1])
        progress(0.8, "solving")
        solution = self._solve(equations.reduced(), part(progress, 0.8, 0.9))
        active = ActiveSets.of(train.structures, self.descriptor, part(progress, 0.9, 1.0))
        recalibration = recalibration_of(energies, forces, solution)
        coefficients = solution.w_k.reshape(len(offsets_z), -1).copy()
        coefficients[:, 0] += offsets_z
        self._keep(coefficients, solution.spread_kk, active, given, recalibration)
        progress(1.0, "fitted")
        return self

    def _offsets(self, train: Dataset) -> Array:
        """Energies of the atoms of each species that come nearest; what ridge regression draws the constants to."""
        return least_squares_offsets(train, self.descriptor.species)

    def _solve(self, equations: Reduced, progress: Progress) -> Solution:
        if not equations.R_kk.any():
            raise ValueError("`groups`: expected a reference with a weight greater than zero, got none")
        if self.solver == "automatic relevance":
            return automatic_relevance(equations, progress)
        return ridge(equations, self.ridge) if self.solver == "ridge" else least_squares(equations)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return max(self.descriptor.reach, self.zbl_outer)

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        linear_nf = self.coefficients_[self.descriptor.species_of(pairs.numbers_n)]
        values_nf = self.descriptor.compute_pairs(pairs).values
        linear_n = linear_nf[:, 0] + np.einsum("nf,nf->n", values_nf, linear_nf[:, 1:])
        return np.asarray(linear_n if self.repulsion is None else linear_n + self.repulsion.energies(pairs)[0])

    def _repulsion(self, pairs: Pairs) -> tuple[Array, Gradient]:
        """What is not linear: energies of atoms, forces and virials of the repulsion."""
        if self.repulsion is None:
            return np.zeros(pairs.n_atoms), Gradient(np.zeros((pairs.n_atoms, 3)), np.zeros((pairs.n_structures, 3, 3)))
        energy_n, dE_dD_pc = self.repulsion.energies(pairs)
        return energy_n, Gradient(pairs.forces(dE_dD_pc), pairs.virials(dE_dD_pc))

    def _sums(self, features: Features, species_n: IntArray) -> Array:
        """Atoms and features of each species summed over each structure, shape (structures, columns)."""
        n_species = len(self.descriptor.species)
        sums_szk = np.zeros((features.pairs.n_structures, n_species, 1 + features.values.shape[1]))
        for z in range(n_species):
            rows = np.flatnonzero(species_n == z)
            np.add.at(sums_szk[:, z, 0], features.structure_r[rows], 1.0)
            np.add.at(sums_szk[:, z, 1:], features.structure_r[rows], features.values[rows])
        return sums_szk.reshape(len(sums_szk), -1)

    def _equations(self, train: Dataset, index: int, offsets_z: Array, weights: Weights) -> tuple[Rows, Rows, Rows]:
        """What energy, forces and stress of a structure say, less offsets and repulsion, times its weights."""
        atoms, energy, stress = train.structures[index], train.energies[index], train.stresses[index]
        forces = train.forces[index]
        pairs = Pairs.from_structures(atoms, self.reach)
        features = self.descriptor.compute_pairs(pairs)
        species_n = self.descriptor.species_of(pairs.numbers_n)
        core_n, core = self._repulsion(pairs)
        n_columns = len(offsets_z) * (1 + features.values.shape[1])
        nothing = (np.empty((0, n_columns)), np.empty(0))
        of_energy, of_forces, of_stress = nothing, nothing, nothing
        if np.isfinite(energy) and weights.energy > 0:
            target = energy - core_n.sum() - offsets_z[species_n].sum()
            weight = weights.energy / len(atoms)
            of_energy = (self._sums(features, species_n) * weight, np.array([target * weight]))
        wants_forces = forces is not None and weights.force > 0
        wants_stress = bool(np.isfinite(stress).all()) and weights.stress > 0
        if not (wants_forces or wants_stress):
            return of_energy, of_forces, of_stress
        columns = self._derivatives(features, species_n)
        if forces is not None and wants_forces:
            known = np.isfinite(forces).ravel()
            of_forces = (
                columns[0].reshape(-1, n_columns)[known] * weights.force,
                (forces - core.forces).ravel()[known] * weights.force,
            )
        if wants_stress:
            volume = atoms.get_volume()
            target_v = stress + voigt(core.virials)[0] / volume
            of_stress = (columns[1] * (-weights.stress / volume), target_v * weights.stress)
        return of_energy, of_forces, of_stress

    def _derivatives(self, features: Features, species_n: IntArray) -> tuple[Array, Array]:
        """Forces, shape (atoms, 3, columns), and virials, shape (6, columns), of each column, of all structures."""
        pairs = features.pairs
        n_species, n_features = len(self.descriptor.species), features.values.shape[1]
        forces_nczk = np.zeros((pairs.n_atoms, 3, n_species, 1 + n_features))
        virials_vzk = np.zeros((6, n_species, 1 + n_features))
        parts = list(by_centres(pairs, MOST_SLOPES // (3 * n_features)))
        for own in parts:
            J_pcf = (features if len(parts) == 1 else self.descriptor.compute_pairs(own)).jacobian()
            species_p = species_n[own.i_p]
            present = np.unique(species_p)
            for z in present:
                own_pcf = J_pcf if len(present) == 1 else J_pcf * (species_p == z)[:, None, None]
                forces_nczk[:, :, z, 1:] += own.forces(own_pcf)
                virials_vzk[:, z, 1:] += virials_of(own, own_pcf)
        return forces_nczk.reshape(pairs.n_atoms, 3, -1), virials_vzk.reshape(6, -1)

    def evaluate_pairs(
        self, structures: Sequence[Atoms], pairs: Pairs, energy_std: bool = False, atom_std: bool = False
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        self.descriptor.check_species(structures)
        features = self.descriptor.compute_pairs(pairs)
        species_n = self.descriptor.species_of(pairs.numbers_n)
        core_n, core = self._repulsion(pairs)
        slope_nf = self.coefficients_[species_n, 1:]
        linear_n = self.coefficients_[species_n, 0] + np.einsum("nf,nf->n", features.values, slope_nf)
        linear = features.pull_back(slope_nf)
        total = Gradient(linear.forces + core.forces, linear.virials + core.virials)
        std_s = None
        if energy_std and self._spread_kk is not None:
            std_s = np.linalg.norm(self._sums(features, species_n) @ self._spread_kk, axis=1)
        of_atoms = self._of_atoms(features, species_n) if atom_std else {}
        return self.recalibration_.apply(summed(structures, pairs, linear_n + core_n, total, std_s, **of_atoms))

    def _of_atoms(self, features: Features, species_n: IntArray) -> dict[str, Array | None]:
        """Standard deviations of local energies and forces, and extrapolation grades, as far as these are known."""
        grades_n = None if self._active is None else self._active.grades(features.values, species_n)
        if self._spread_kk is None:
            return {"extrapolation": grades_n}
        forces_nck, _ = self._derivatives(features, species_n)
        spread_zkj = self._spread_kk.reshape(len(self.descriptor.species), -1, len(self._spread_kk))
        energy_n = np.empty(len(species_n))
        for z in np.unique(species_n):
            own = species_n == z
            spread_nj = spread_zkj[z, 0] + features.values[own] @ spread_zkj[z, 1:]
            energy_n[own] = np.linalg.norm(spread_nj, axis=1)
        return {
            "local_energy_std": energy_n,
            "force_std": np.linalg.norm(forces_nck @ self._spread_kk, axis=2),
            "extrapolation": grades_n,
        }

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {
            "hyperparameters": self.hyperparameters(),
            "descriptor": plain_of(self.descriptor),
        }
        arrays = {"coefficients_zk": self.coefficients_}
        if self._spread_kk is not None:
            arrays["spread_kk"] = self._spread_kk
            arrays["recalibration"] = np.array([self.recalibration_.energy, self.recalibration_.force])
        if self._active is not None:
            arrays["active_zkk"] = self._active.rows_zkk
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        descriptor = local_descriptor_from(plain["descriptor"], cls)
        potential = cls(descriptor, **plain["hyperparameters"])
        shape = (len(descriptor.species), 1 + len(descriptor.names))
        if arrays["coefficients_zk"].shape != shape:
            raise ValueError(f"expected coefficients of shape {shape}, got {arrays['coefficients_zk'].shape}")
        spread_kk = arrays.get("spread_kk")
        if spread_kk is not None and np.isnan(spread_kk).all():  # how older files say that it is not known
            spread_kk = None
        # older files have neither of these
        active = ActiveSets(arrays["active_zkk"]) if "active_zkk" in arrays else None
        recalibration = Recalibration(*arrays.get("recalibration", np.ones(2)).tolist())
        potential._keep(arrays["coefficients_zk"], spread_kk, active, {}, recalibration)
        return potential
