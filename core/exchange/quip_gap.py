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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array
from potscope.core.descriptors import FewBody, QuipSOAP, ThreeBody, TwoBody
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
    coordinates = [own for term, points, weights in potential.sparse_terms for own in _written(term, points, weights)]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    offsets = dict(zip(potential.descriptor.species, potential.offsets_.tolist(), strict=True))
    return write_xml(target, QuipXML(offsets, coordinates))


def _written(term: Term, points: Mapping[str, Array], weights: Mapping[str, Array]) -> list[Coordinates]:
    """One for each kind of a term."""
    descriptor, kernel = term.descriptor, term.kernel
    found = []
    for kind, points_mf in points.items():
        if isinstance(descriptor, QuipSOAP) and isinstance(kernel, PolynomialKernel):
            arguments = soap_arguments(descriptor, kind)
            sparse_mf = np.pad(points_mf, ((0, 0), (0, 1)))  # the last holds covariance_sigma0
            parameters: dict[str, tuple[float, ...]] = {"zeta": (kernel.zeta,)}
            found.append(Coordinates(arguments, "dot_product", term.delta, sparse_mf, weights[kind], parameters))
        elif isinstance(descriptor, TwoBody | ThreeBody) and isinstance(kernel, SquaredExponential):
            arguments = few_body_arguments(descriptor, kind)
            delta, alpha_m = term.delta / BOTH_WAYS, weights[kind] * BOTH_WAYS
            parameters = {"theta": tuple(np.broadcast_to(kernel.length, points_mf.shape[1:]).tolist())}
            found.append(Coordinates(arguments, "ard_se", delta, points_mf, alpha_m, parameters))
        else:
            raise ExchangeError(
                f"`potential`: QUIP's files hold QuipSOAP with a power of the cosine, and TwoBody and ThreeBody with a "
                f"squared exponential, not {type(descriptor).__name__} with {type(kernel).__name__}; `write_mliap` and "
                f"`attach_to_lammps` take any"
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
        Without standard deviations: the file says nothing of the equations that it was fitted to.

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
    terms, points, weights = zip(*(_term(parts, species) for parts in groups.values()), strict=True)
    offsets_z = [content.offsets.get(symbol, 0.0) for symbol in terms[0].descriptor.species]
    return GAP.from_sparse_points(terms, points, weights, offsets_z)


@dataclass(frozen=True)
class _Read:
    """One ``gpCoordinates`` in our terms: descriptor, elements, kernel, features of the sparse points, and weights."""

    descriptor: QuipSOAP | TwoBody | ThreeBody
    elements: tuple[str, ...]
    kernel: SimilarityKernel
    delta: float
    points_mf: Array
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
            points_mf = own.sparse_mf[:, :-1]
            # QUIP takes the points as they are; here their direction counts
            length_m = np.linalg.norm(points_mf, axis=1)
            return cls(soap, centre, power, own.delta, points_mf, own.alpha_m * length_m**power.zeta)
        if kind in ("distance_2b", "angle_3b") and own.covariance == "ard_se" and "theta" in own.parameters:
            descriptor, elements = few_body_of(kind, arguments)
            _check_width(own, len(descriptor.names))
            length_f = own.parameters["theta"]
            if len(length_f) != len(descriptor.names):
                raise ExchangeError(f"expected {len(descriptor.names)} theta of {kind}, got {len(length_f)}")
            gaussian = SquaredExponential(length_f)
            delta, weights_m = own.delta * BOTH_WAYS, own.alpha_m / BOTH_WAYS
            return cls(descriptor, elements, gaussian, delta, own.sparse_mf, weights_m)
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

    @property
    def kind(self) -> str:
        """Its element or elements, as the descriptor has them."""
        if not isinstance(self.descriptor, FewBody):
            return self.elements[0]
        # the centre of a triplet comes first, others by their atomic numbers
        centre = () if isinstance(self.descriptor, TwoBody) else self.elements[:1]
        return " ".join((*centre, *sorted(self.elements[len(centre) :], key=atomic_numbers.__getitem__)))


def _check_width(own: Coordinates, expected: int) -> None:
    if own.sparse_mf.shape[1] != expected:
        raise ExchangeError(
            f"expected sparse points of {expected} numbers for {own.descriptor!r}, got {own.sparse_mf.shape[1]}"
        )


def _term(parts: Sequence[_Read], species: tuple[str, ...]) -> tuple[Term, dict[str, Array], dict[str, Array]]:
    """The kinds of one descriptor and kernel: the term, sparse points and weights."""
    first = parts[0]
    descriptor = first.shared(species)
    if len({own.kind for own in parts}) < len(parts):
        raise ExchangeError(f"expected one gpCoordinates for each kind of {descriptor!r}, got two alike")
    size = sum(len(own.weights_m) for own in parts)
    try:
        term = Term(descriptor, first.kernel, relative_lengths=False, delta=first.delta, n_sparse=size)
    except ValueError as error:
        raise ExchangeError(str(error)) from error
    # what belongs to another variance is put into the weights
    weights = {own.kind: own.weights_m * (own.delta / first.delta) ** 2 for own in parts}
    return term, {own.kind: own.points_mf for own in parts}, weights
