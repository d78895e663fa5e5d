"""Gaussian approximation potentials: a sparse Gaussian process over the energies of atoms, pairs and triplets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.descriptors import FewBody, LocalDescriptor
from potscope.core.hyperparameters import hyperparameter
from potscope.core.kernels import PolynomialKernel, SimilarityKernel, SquaredExponential
from potscope.core.models.base import LocalPotential
from potscope.core.models.descriptor_files import plain_of
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_equations import Solved, solved
from potscope.core.models.gap_points import process_of, terms_of
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_sigmas import Sigmas, sigmas_of
from potscope.core.models.gap_terms import SPARSE_METHODS, Term, descriptor_from, remark, sparse_kernel
from potscope.core.models.gap_variance import by_structures, deviation, energy_sums, prior_of_forces
from potscope.core.models.local_energies import summed
from potscope.core.models.offsets import least_squares_offsets, offsets_of
from potscope.core.models.training import check_energies
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import check_array

KERNELS = ("polynomial", "squared exponential")


@dataclass(eq=False)
class GAP(LocalPotential):
    r"""Gaussian approximation potential on one descriptor, or on a sum of several.

    The energy is a sum of offsets and of terms, each of which is a sum over environments of atoms, pairs or triplets r
    of a function that is a Gaussian process,

    .. math:: E = \sum_i e_{z_i} + \sum_t \sum_{r \in t} w_r\, \varepsilon_t(\mathbf x_r), \qquad
        \varepsilon_t(\mathbf x) = \sum_{m \in t} c_m\, k_t(\mathbf x, \mathbf q_m), \qquad
        k_t = \delta_t^2\, \kappa_t ,

    between those of the same elements alone. The kernel is a power of the cosine or a Gaussian with a length
    for each feature, by the spread of the features in the data:

    .. math::
        \kappa(\mathbf x, \mathbf q) = \left(\hat{\mathbf x}\cdot\hat{\mathbf q}\right)^\zeta
        \qquad\text{or}\qquad
        \kappa(\mathbf x, \mathbf q) = \exp\left[-\frac12\sum_f \frac{(x_f - q_f)^2}{\theta_f^2}\right], \qquad
        \theta_f = \theta\,\sqrt F\,\operatorname{std}(x_f) .

    The weights of the sparse points :math:`\mathbf q_m` are those that make

    .. math::
        \left|\boldsymbol\Lambda^{-1/2}(\mathbf y - \mathbf L\,\mathbf c)\right|^2
        + \mathbf c^{\mathsf T} \mathbf K_{mm} \mathbf c

    smallest, where the rows of :math:`\mathbf L` are the kernel's sums, and their derivatives, that belong to total
    energies, force components and virials, and :math:`\boldsymbol\Lambda` holds the squares of their noise. Solved by
    QR of

    .. math:: \begin{pmatrix} \boldsymbol\Lambda^{-1/2}\mathbf L \\ \mathbf U \end{pmatrix} \mathbf c =
        \begin{pmatrix} \boldsymbol\Lambda^{-1/2}\mathbf y \\ 0 \end{pmatrix}, \qquad
        \mathbf U^{\mathsf T}\mathbf U = \mathbf K_{mm},

    as gap_fit does. With
    :math:`\mathbf R^{\mathsf T}\mathbf R = \mathbf K_{mm} + \mathbf L^{\mathsf T}\boldsymbol\Lambda^{-1}\mathbf L`,
    the variance of what has the prior variance v and the kernel :math:`\mathbf k` with the sparse points, a total
    energy, the energy of an atom or a force, is

    .. math:: \sigma^2 = v - |\mathbf U^{-\mathsf T}\mathbf k|^2 + |\mathbf R^{-\mathsf T}\mathbf k|^2 .

    The logarithm of the marginal likelihood is that of the sparse process whose covariance between data is all by way
    of the sparse points (DTC),

    .. math::
        \log p(\mathbf y) = -\tfrac12\left[\mathbf y^{\mathsf T}\mathbf C^{-1}\mathbf y + \log|\mathbf C|
        + N\log 2\pi\right], \qquad
        \mathbf C = \boldsymbol\Lambda + \mathbf L\,\mathbf K_{mm}^{-1}\mathbf L^{\mathsf T} .

    The noise of an energy or a virial grows with the square root of the number of atoms.

    Parameters
    ----------
    descriptor
        A local descriptor, such as `SOAP`, or `TwoBody` or `ThreeBody`.
    n_sparse, kernel, zeta, length, delta, energy_sigma, force_sigma, virial_sigma, sparse_method, seed
        As declared; see ``declared(GAP)``. Descriptor, kernel, delta and sparse points are those of the first term.
    terms
        Further terms, each a `Term` with a descriptor, a kernel, a delta and sparse points of its own.

    Attributes
    ----------
    offsets_
        Energy of an atom of each species of the descriptor, eV, by least squares.
    weights_
        Weights :math:`c_m` of the sparse points, shape (sparse points,).
    log_likelihood_
        Logarithm of the marginal likelihood of the energies, forces and virials less the offsets, in their units; NaN
        for files from before it was kept, and where nothing tells what the potential was fitted to.

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    doi:10.1103/PhysRevLett.104.136403

    A. P. Bartók, G. Csányi, Int. J. Quantum Chem. 115, 1051 (2015). doi:10.1002/qua.24927

    L. Foster et al., J. Mach. Learn. Res. 10, 857 (2009), for the solution by QR.

    J. Quiñonero-Candela, C. E. Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005), for the sparse processes.

    Examples
    --------
    >>> from potscope.core.descriptors import SOAP, TwoBody
    >>> from potscope.core.models import Term
    >>> gap = GAP(SOAP(species=["Si"]), n_sparse=500, terms=[Term(TwoBody(species=["Si"]), n_sparse=20)])
    """

    title: ClassVar[str] = "Gaussian approximation potential (GAP)"
    has_energy_std: ClassVar[bool] = True
    has_atom_std: ClassVar[bool] = True
    group_settings: ClassVar[type | None] = Sigmas

    descriptor: LocalDescriptor | FewBody
    n_sparse: int = hyperparameter(
        "Sparse points: environments that the potential remembers.", default=500, bounds=(1, 20000)
    )
    kernel: str = hyperparameter(
        "Kernel between environments: a power of the cosine, or a Gaussian of the distance.",
        default="polynomial",
        choices=KERNELS,
    )
    zeta: float = hyperparameter(
        "Power of the polynomial kernel; larger is more selective.", default=4.0, bounds=(1.0, 20.0)
    )
    length: float = hyperparameter(
        "Length of the squared exponential kernel, in units of the spread of each feature in the data times the root "
        "of the number of features.",
        default=1.0,
        bounds=(1e-3, 1e3),
    )
    delta: float = hyperparameter(
        "Prior standard deviation of a local energy.", default=3.0, unit="eV", bounds=(1e-3, 1e3)
    )
    energy_sigma: float = hyperparameter(
        "Noise of the reference energies.", default=0.002, unit="eV/atom", bounds=(1e-6, 10.0)
    )
    force_sigma: float = hyperparameter(
        "Noise of the reference forces.", default=0.05, unit="eV/Å", bounds=(1e-6, 10.0)
    )
    virial_sigma: float = hyperparameter(
        "Noise of the reference virials.", default=0.05, unit="eV/atom", bounds=(1e-6, 10.0)
    )
    sparse_method: str = hyperparameter(
        "How sparse points are chosen among the environments of the data.",
        default="farthest points",
        choices=tuple(SPARSE_METHODS),
    )
    seed: int = hyperparameter("Seed of the choice by chance.", default=0, bounds=(0, 2**31 - 1))
    terms: Sequence[Term] = ()

    offsets_: Array = field(init=False, repr=False)
    weights_: Array = field(init=False, repr=False)
    log_likelihood_: float = field(init=False, repr=False)
    _process: SparseProcess = field(init=False, repr=False)
    _triangles: tuple[Array, Array] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if isinstance(self.terms, Term) or not all(isinstance(term, Term) for term in self.terms):
            raise TypeError(f"`terms`: expected some Term, got {self.terms!r}")
        self.terms = tuple(self.terms)
        self.all_terms  # noqa: B018 - checks the descriptor with the kernel

    @classmethod
    def from_sparse_points(
        cls,
        terms: Sequence[Term],
        points: Sequence[Mapping[str, ArrayLike]],
        weights: Sequence[Mapping[str, ArrayLike]],
        offsets: ArrayLike | None = None,
    ) -> Self:
        r"""A potential of sparse points and weights that are known, such as those of another code.

        Nothing tells what it was fitted to: it has no standard deviations. It is what `sparse_terms` was given.

        Parameters
        ----------
        terms
            Descriptor, kernel and :math:`\delta` of each term. Lengths are in units of the features
            (``relative_lengths=False``); how many points there are and how they were chosen is not looked at.
        points
            For each term the features of its sparse points :math:`\mathbf q_m`, shape (points, features), by their
            kind: the element of the centre, or the elements of a pair or triplet as in the descriptor's `kinds`. Of
            points of a `PolynomialKernel` the direction counts alone.
        weights
            For each term the weights :math:`c_m` of its points, shape (points,), by their kind.
        offsets
            Energy of an atom of each species of the first descriptor, eV, shape (species,); without them zero.

        Raises
        ------
        TypeError
            If something is no `Term`, or no numbers.
        ValueError
            If a kind is not the descriptor's, or a shape is another.

        Examples
        --------
        >>> from potscope.core.descriptors import TwoBody
        >>> from potscope.core.kernels import SquaredExponential
        >>> pairs = Term(TwoBody(["Si"], cutoff=5.0), SquaredExponential((1.0,)), relative_lengths=False, delta=0.5)
        >>> points, weights = {"Si Si": [[2.2], [3.1]]}, {"Si Si": [4.0, -2.5]}
        >>> gap = GAP.from_sparse_points([pairs], [points], [weights], offsets=[-163.2])
        >>> gap.n_sparse_, gap.has_energy_std
        (2, False)
        """
        process, weights_m = process_of(terms, points, weights)
        first = terms[0]
        kernel: dict[str, Any] = {"kernel": "squared exponential"}
        if isinstance(first.kernel, PolynomialKernel):
            kernel = {"kernel": "polynomial", "zeta": first.kernel.zeta}
        size = process.kernels[0].size
        potential = cls(first.descriptor, size, **kernel, delta=first.delta, terms=terms[1:])
        n_species = len(first.descriptor.species)
        offsets_z = np.zeros(n_species) if offsets is None else check_array("offsets", offsets, (n_species,))
        potential._take(process, weights_m, offsets_z, {})
        return potential

    @property
    def sparse_terms(self) -> tuple[tuple[Term, dict[str, Array], dict[str, Array]], ...]:
        """Each term with the features and the weights of its sparse points by their kind; see `from_sparse_points`.

        Raises
        ------
        NotFitted
            Before ``fit``.
        """
        self.check_fitted()
        return terms_of(self._process, self.weights_)

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """The term of `descriptor`, and all others."""
        kernel: SimilarityKernel = PolynomialKernel(self.zeta)
        if self.kernel == "squared exponential":
            kernel = SquaredExponential((self.length,))
        return (Term(self.descriptor, kernel, True, self.delta, self.n_sparse, self.sparse_method), *self.terms)

    @property
    def sigmas(self) -> Sigmas:
        """The noise of structures of which nothing else is said."""
        return Sigmas(self.energy_sigma, self.force_sigma, self.virial_sigma)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "weights_")

    @property
    def kept(self) -> str:
        """Where the sparse points of pairs are too few for standard deviations; empty where they are not."""
        return remark(self.all_terms, self._process.kernels) if self.has_energy_std else ""

    @property
    def n_sparse_(self) -> int:
        """Sparse points in use; fewer than asked for where the data have no more distinct environments."""
        return len(self.weights_)

    def fit(
        self,
        train: Dataset,
        progress: Progress = silent,
        *,
        groups: Mapping[str, Sigmas] | None = None,
        sigmas: Sequence[Sigmas | None] | None = None,
    ) -> Self:
        """Learn from energies, forces and stresses, as far as the data set has them.

        Parameters
        ----------
        train
            Structures with references; each known energy, force and stress is an equation.
        progress
            Called before every structure; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            `Sigmas` of groups of the data set; others have `energy_sigma`, `force_sigma` and `virial_sigma`.
        sigmas
            `Sigmas` of each structure, before those of its group; None for one that has none of its own. See
            `configuration_sigmas`.

        Raises
        ------
        TypeError
            If something else than `Sigmas` is given.
        ValueError
            If there is no energy to fit to, an element a descriptor does not know, or a group that the data set does
            not have.
        """
        self.check_data(train)
        given = self.checked_groups(train, groups)
        sigmas_s = sigmas_of(train, self.sigmas, given, sigmas)
        progress(0.0, "compiling the kernels and describing the environments")
        process = self.sparse_process(train, part(progress, 0.0, 0.25))
        offsets = least_squares_offsets(train, self.descriptor.species)
        found = solved(process, train, offsets, self.descriptor.species, sigmas_s, part(progress, 0.25, 1.0))
        self.keep(process, found, offsets, given)
        progress(1.0, "fitted")
        return self

    def keep(self, process: SparseProcess, found: Solved, offsets_z: Array, groups: Mapping[str, Sigmas]) -> None:
        """Take what has been learnt."""
        triangles = found.prior_mm, found.posterior_mm
        self._take(process, found.weights_m, offsets_z, groups, found.log_likelihood, triangles)

    def _take(
        self,
        process: SparseProcess,
        weights_m: Array,
        offsets_z: Array,
        groups: Mapping[str, Sigmas],
        log_likelihood: float = np.nan,
        triangles: tuple[Array, Array] | None = None,
    ) -> None:
        """Take what is known, and say whether deviations follow from it: not without prior and posterior triangle."""
        self.groups_, self.offsets_, self.weights_, self._process = dict(groups), offsets_z, weights_m, process
        self.log_likelihood_ = log_likelihood
        self._triangles = triangles
        self._tells(has_energy_std=triangles is not None, has_atom_std=triangles is not None)

    def check_data(self, train: Dataset) -> None:
        """Raise a ValueError where there is no energy to fit to, or an element a descriptor does not know."""
        check_energies(train)
        for term in self.all_terms:
            term.descriptor.check_species(train.structures)

    def sparse_process(self, train: Dataset, progress: Progress = silent) -> SparseProcess:
        """The process with sparse points chosen among the environments, pairs and triplets of a data set."""
        terms, rng = self.all_terms, np.random.default_rng(self.seed)
        kernels = []
        for t, term in enumerate(terms):
            kernels.append(sparse_kernel(term, train, rng, part(progress, t / len(terms), (t + 1) / len(terms))))
        return SparseProcess(tuple(term.descriptor for term in terms), tuple(kernels))

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return max(term.descriptor.reach for term in self.all_terms)

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        local_n = self._process.energies(pairs, self.weights_)
        return local_n + offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_)

    def evaluate_pairs(
        self, structures: Sequence[Atoms], pairs: Pairs, energy_std: bool = False, atom_std: bool = False
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        self._process.check_species(structures)
        local_n, gradient = self._process.gradient(pairs, self.weights_)
        local_n += offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_)
        prediction = summed(structures, pairs, local_n, gradient)
        if self._triangles is None:
            return prediction
        if energy_std:
            prediction = replace(prediction, energy_std=self._energy_std(pairs, False, *self._triangles))
        if atom_std:
            local_std_n = self._energy_std(pairs, True, *self._triangles)
            force_std = tuple(self._force_std(own, *self._triangles) for _, own in by_structures(pairs))
            edges = pairs.first_atom_s[1:-1]
            prediction = replace(prediction, local_energy_std=tuple(np.split(local_std_n, edges)), force_std=force_std)
        return prediction

    def _energy_std(self, pairs: Pairs, atoms: bool, prior_mm: Array, posterior_mm: Array) -> Array:
        return deviation(*energy_sums(self._process, pairs, atoms), prior_mm, posterior_mm)

    def _force_std(self, pairs: Pairs, prior_mm: Array, posterior_mm: Array) -> Array:
        """Standard deviations of the forces of one structure, eV/Å, shape (atoms, 3)."""
        columns_nm = self._process.derivative_columns(pairs)[0].reshape(-1, self._process.size)
        prior_n = prior_of_forces(self._process, pairs).ravel()
        return deviation(prior_n, columns_nm, prior_mm, posterior_mm).reshape(-1, 3)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {
            "hyperparameters": self.hyperparameters(),
            "descriptor": plain_of(self.descriptor),
            "terms": [term.plain() for term in self.terms],
        }
        arrays = {
            "offsets_z": self.offsets_,
            "weights_m": self.weights_,
            "log_likelihood": np.array(self.log_likelihood_),
        }
        if self._triangles is not None:
            arrays["prior_mm"], arrays["posterior_mm"] = self._triangles
        for t, kernel in enumerate(self._process.kernels):
            arrays[_numbered("sparse_mf", t)] = kernel.sparse_mf
            arrays[_numbered("species_m", t)] = kernel.kind_m.astype(float)
            if isinstance(kernel.kernel, SquaredExponential):
                arrays[_numbered("length_f", t)] = np.array(kernel.kernel.length)
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        terms = [Term.from_plain(term) for term in plain.get("terms", ())]
        potential = cls(descriptor_from(plain["descriptor"]), **plain["hyperparameters"], terms=terms)
        kernels = []
        for t, term in enumerate(potential.all_terms):
            kernel = term.resolved(arrays.get(_numbered("length_f", t), np.empty(0)))
            kind_m = arrays[_numbered("species_m", t)].astype(np.int64)
            kernels.append(SparseKernel(kernel, term.delta, arrays[_numbered("sparse_mf", t)], kind_m))
        process = SparseProcess(tuple(term.descriptor for term in potential.all_terms), tuple(kernels))
        triangles = None
        # older files say by NaN that nothing is known
        if "posterior_mm" in arrays and not np.isnan(arrays["posterior_mm"]).all():
            triangles = arrays["prior_mm"], arrays["posterior_mm"]
        likelihood = float(arrays.get("log_likelihood", np.array(np.nan)))
        potential._take(process, arrays["weights_m"], arrays["offsets_z"], {}, likelihood, triangles)
        return potential


def _numbered(name: str, term: int) -> str:
    """Name of an array of a term; without a number for the first, as when there was one."""
    return f"{name}_{term}" if term else name
