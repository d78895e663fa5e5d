r"""Gaussian approximation potentials in QUIP's XML, as gap_fit writes it.

A file holds energies of single atoms and a sum of terms, one for each descriptor and each kind of elements,

.. math::
    E = \sum_i e_{z_i} +
        \sum_t \delta_t^2 \sum_{r \in t} w_r \sum_{m \in t} \alpha_m\, \kappa_t(\mathbf x_r, \mathbf q_m) .

======================  =======================================================================  =================
in the file             here                                                                     kernel
======================  =======================================================================  =================
``soap``                `QuipSOAP`, a kind for each element of the central atom                  ``dot_product``
``distance_2b``         `TwoBody`, a kind for each pair of elements                              ``ard_se``
``angle_3b``            `ThreeBody`, a kind for each central element and pair of neighbours      ``ard_se``
======================  =======================================================================  =================

QUIP counts every pair from both its ends, and every triplet with its neighbours in both orders, with the whole weight;
here each counts once. So a `Term` of pairs or triplets has twice the ``delta`` and half the :math:`\alpha`. What
gap_fit calls ``delta`` is :math:`\delta`, and an XML calls it ``signal_variance`` though it is the root of one.

References
----------
S. Klawohn et al., J. Chem. Phys. 159, 174108 (2023). doi:10.1063/5.0160898
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array
from potscope.core.descriptors import FewBody, LocalDescriptor, QuipSOAP, ThreeBody, TwoBody
from potscope.core.exchange.lines import ExchangeError
from potscope.core.exchange.quip_arguments import (
    few_body_arguments,
    few_body_of,
    soap_arguments,
    soap_of,
    split_arguments,
    symbols,
)
from potscope.core.exchange.quip_xml import Coordinates, QuipXML, read_xml, write_xml
from potscope.core.hyperparameters import Declared
from potscope.core.kernels import PolynomialKernel, SimilarityKernel, SquaredExponential
from potscope.core.models import GAP, Term
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_process import SparseProcess

BOTH_WAYS = 2.0  # how often QUIP counts a pair or a triplet


# -- writing -----------------------------------------------------------------------------------------------------------


def write_quip_gap(potential: GAP, path: str | Path) -> list[Path]:
    """Write a fitted `GAP` on `QuipSOAP`, `TwoBody` and `ThreeBody` for QUIP.

    Parameters
    ----------
    potential
        Fitted.
    path
        Of the XML; sparse points go beside it, into files that begin with its name.

    Returns
    -------
    list of Path
        The XML and the other files.

    Raises
    ------
    NotFitted
        Before ``fit``.
    ExchangeError
        If a term is on another descriptor or has another kernel.
    """
    if not isinstance(potential, GAP):
        raise ExchangeError(f"`potential`: expected a GAP, got {type(potential).__name__}")
    potential.check_fitted()
    process = potential._process
    coordinates = [
        own
        for descriptor, kernel, place in process.terms()
        for own in _written(descriptor, kernel, potential.weights_[place])
    ]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    offsets = dict(zip(potential.descriptor.species, potential.offsets_.tolist(), strict=True))
    return write_xml(target, QuipXML(offsets, coordinates))


def _written(descriptor: LocalDescriptor | FewBody, kernel: SparseKernel, weights_m: Array) -> list[Coordinates]:
    """One for each kind of a term."""
    found = []
    for kind, own in kernel.columns:
        if isinstance(descriptor, QuipSOAP) and isinstance(kernel.kernel, PolynomialKernel):
            arguments = soap_arguments(descriptor, descriptor.species[kind])
            sparse_mf = np.pad(kernel.sparse_mf[own], ((0, 0), (0, 1)))  # the last holds covariance_sigma0
            parameters: dict[str, tuple[float, ...]] = {"zeta": (kernel.kernel.zeta,)}
            found.append(Coordinates(arguments, "dot_product", kernel.delta, sparse_mf, weights_m[own], parameters))
        elif isinstance(descriptor, TwoBody | ThreeBody) and isinstance(kernel.kernel, SquaredExponential):
            length_f = np.broadcast_to(kernel.kernel.length, kernel.sparse_mf.shape[1:])
            arguments = few_body_arguments(descriptor, descriptor.kinds[kind])
            delta, alpha_m = kernel.delta / BOTH_WAYS, weights_m[own] * BOTH_WAYS
            parameters = {"theta": tuple(length_f.tolist())}
            found.append(Coordinates(arguments, "ard_se", delta, kernel.sparse_mf[own] * length_f, alpha_m, parameters))
        else:
            raise ExchangeError(
                f"`potential`: QUIP's files hold QuipSOAP with a power of the cosine, and TwoBody and ThreeBody with a "
                f"squared exponential, not {type(descriptor).__name__} with {type(kernel.kernel).__name__}"
            )
    return found


# -- reading -----------------------------------------------------------------------------------------------------------


def read_quip_gap(path: str | Path) -> GAP:
    """Read a potential that gap_fit made.

    Parameters
    ----------
    path
        Of the XML; the sparse points are looked for beside it.

    Returns
    -------
    GAP
        Its standard deviations are NaN: the file says nothing of the equations that it was fitted to.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ExchangeError
        If it holds what a `GAP` does not: another descriptor or covariance, or elements that one SOAP knows and
        another does not.
    """
    content = read_xml(Path(path))
    if not any(len(own.alpha_m) for own in content.coordinates):
        raise ExchangeError(f"{Path(path).name}: expected at least one gpCoordinates with sparse points, got none")
    raw = [_Read.of(own, content.version) for own in content.coordinates if len(own.alpha_m)]
    species = tuple(sorted({symbol for own in raw for symbol in own.species}, key=atomic_numbers.__getitem__))
    groups: dict[tuple[Declared, Declared], list[_Read]] = {}
    for own in sorted(raw, key=lambda one: not isinstance(one.descriptor, QuipSOAP)):
        groups.setdefault((own.shared(species), own.kernel), []).append(own)
    return _assembled([_term(parts, species) for parts in groups.values()], content)


@dataclass(frozen=True)
class _Read:
    """One ``gpCoordinates`` in our terms: descriptor, elements, kernel, sparse points as mapped, and weights."""

    descriptor: QuipSOAP | TwoBody | ThreeBody
    elements: tuple[str, ...]
    kernel: SimilarityKernel
    delta: float
    sparse_mf: Array
    weights_m: Array

    @classmethod
    def of(cls, own: Coordinates, version: int) -> _Read:
        kind, arguments = split_arguments(own.descriptor)
        if kind == "soap" and own.covariance == "dot_product" and "zeta" in own.parameters:
            soap = soap_of(arguments, version)
            _check_width(own, len(soap.names) + 1)
            centre = symbols(arguments.get("Z", ""))
            if len(centre) != 1 or centre[0] not in soap.species:
                raise ExchangeError(f"`Z`: expected one element of {', '.join(soap.species)}, got {' '.join(centre)}")
            try:
                power = PolynomialKernel(own.parameters["zeta"][0])
            except ValueError as error:
                raise ExchangeError(f"soap: {error}") from error
            return cls(soap, centre, power, own.delta, own.sparse_mf[:, :-1], own.alpha_m)
        if kind in ("distance_2b", "angle_3b") and own.covariance == "ard_se" and "theta" in own.parameters:
            descriptor, elements = few_body_of(kind, arguments)
            _check_width(own, len(descriptor.names))
            length_f = own.parameters["theta"]
            if len(length_f) != len(descriptor.names):
                raise ExchangeError(f"expected {len(descriptor.names)} theta of {kind}, got {len(length_f)}")
            gaussian = SquaredExponential(length_f)
            delta, weights_m = own.delta * BOTH_WAYS, own.alpha_m / BOTH_WAYS
            return cls(descriptor, elements, gaussian, delta, own.sparse_mf / np.array(length_f), weights_m)
        raise ExchangeError(
            f"a GAP holds soap with dot_product, and distance_2b and angle_3b with ard_se, "
            f"not {kind} with {own.covariance}"
        )

    @property
    def species(self) -> tuple[str, ...]:
        return self.descriptor.species

    def shared(self, species: tuple[str, ...]) -> QuipSOAP | TwoBody | ThreeBody:
        """What kinds of one term share: the descriptor, of pairs and triplets that of all elements."""
        if not isinstance(self.descriptor, QuipSOAP):
            return type(self.descriptor)(species, self.descriptor.cutoff, self.descriptor.width)
        missing = set(species) - set(self.descriptor.species)
        if missing:
            raise ExchangeError(
                f"a soap of {', '.join(self.descriptor.species)} alone in a potential that knows "
                f"{', '.join(sorted(missing))} too is more than a GAP holds"
            )
        return self.descriptor

    def kind(self, descriptor: LocalDescriptor | FewBody) -> int:
        if isinstance(descriptor, FewBody):
            return descriptor.kinds.index(" ".join(_in_order(descriptor, self.elements)))
        return descriptor.species.index(self.elements[0])


def _check_width(own: Coordinates, expected: int) -> None:
    if own.sparse_mf.shape[1] != expected:
        raise ExchangeError(
            f"expected sparse points of {expected} numbers for {own.descriptor!r}, got {own.sparse_mf.shape[1]}"
        )


def _in_order(descriptor: FewBody, elements: Sequence[str]) -> tuple[str, ...]:
    """As in `kinds`: the centre of a triplet, and the others by their atomic numbers."""
    centre = () if isinstance(descriptor, TwoBody) else elements[:1]
    return (*centre, *sorted(elements[len(centre) :], key=atomic_numbers.__getitem__))


def _term(parts: Sequence[_Read], species: tuple[str, ...]) -> tuple[Term, SparseKernel, Array]:
    """The kinds of one descriptor and kernel, laid end to end."""
    descriptor = parts[0].shared(species)
    ordered = sorted(parts, key=lambda own: own.kind(descriptor))
    kinds = [own.kind(descriptor) for own in ordered]
    if len(set(kinds)) < len(kinds):
        raise ExchangeError(f"expected one gpCoordinates for each kind of {descriptor!r}, got two alike")
    delta = ordered[0].delta
    kind_m = np.concatenate([np.full(len(own.weights_m), kind) for own, kind in zip(ordered, kinds, strict=True)])
    # what belongs to another variance is put into the weights
    weights_m = np.concatenate([own.weights_m * (own.delta / delta) ** 2 for own in ordered])
    sparse_mf = np.concatenate([own.sparse_mf for own in ordered])
    kernel = SparseKernel(ordered[0].kernel, delta, sparse_mf, kind_m)
    try:
        term = Term(descriptor, kernel.kernel, False, delta, kernel.size)
    except ValueError as error:
        raise ExchangeError(str(error)) from error
    return term, kernel, weights_m


def _assembled(terms: Sequence[tuple[Term, SparseKernel, Array]], content: QuipXML) -> GAP:
    first, *others = (term for term, _, _ in terms)
    potential = GAP(first.descriptor, first.n_sparse, "squared exponential", delta=first.delta, terms=others)
    if isinstance(first.kernel, PolynomialKernel):
        potential = replace(potential, kernel="polynomial", zeta=first.kernel.zeta)
    descriptors = tuple(term.descriptor for term, _, _ in terms)
    potential._process = SparseProcess(descriptors, tuple(kernel for _, kernel, _ in terms))
    potential.groups_ = {}
    potential.offsets_ = np.array([content.offsets.get(symbol, 0.0) for symbol in first.descriptor.species])
    potential.weights_ = np.concatenate([weights_m for _, _, weights_m in terms])
    potential.log_likelihood_ = np.nan
    potential._prior_mm = potential._posterior_mm = np.full((potential._process.size,) * 2, np.nan)
    return potential
