r"""Gaussian approximation potentials in QUIP's XML, as gap_fit writes it.

The kernel on SOAP is the same,

.. math:: E = \sum_i \Big[ e_{z_i} + \delta^2 \sum_m \alpha_m (\hat{\mathbf p}_i\cdot\hat{\mathbf q}_m)^\zeta \Big] ,

with a sum of its own for each element of the central atom. QUIP's SOAP is `QuipSOAP`; other descriptors have no place
in the file. What gap_fit calls ``delta`` is :math:`\delta`, and an XML calls it ``signal_variance`` though it is the
root of one.

References
----------
S. Klawohn et al., J. Chem. Phys. 159, 174108 (2023). doi:10.1063/5.0160898
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from potscope.core.descriptors import QuipSOAP
from potscope.core.exchange.lines import ExchangeError
from potscope.core.exchange.quip_arguments import soap_arguments, soap_of, split_arguments, symbols
from potscope.core.exchange.quip_xml import Coordinates, QuipXML, read_xml, write_xml
from potscope.core.kernels import PolynomialKernel
from potscope.core.models import GAP
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_process import SparseProcess


def write_quip_gap(potential: GAP, path: str | Path) -> list[Path]:
    """Write a fitted `GAP` on `QuipSOAP` for QUIP.

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
        If the potential is on another descriptor.
    """
    if not isinstance(potential, GAP):
        raise ExchangeError(f"`potential`: expected a GAP, got {type(potential).__name__}")
    potential.check_fitted()
    soap = potential.descriptor
    if not isinstance(soap, QuipSOAP):
        raise ExchangeError(
            f"`potential`: QUIP's files hold QUIP's own SOAP, `QuipSOAP`, and not {type(soap).__name__}: its radial "
            "basis has no name there. Fit on QuipSOAP to export"
        )
    if potential.terms or potential.kernel != "polynomial":
        raise ExchangeError("`potential`: expected a GAP of one term with the polynomial kernel, as is exported here")
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    (kernel,) = potential._process.kernels
    coordinates = []
    for z in np.unique(kernel.kind_m).tolist():
        own = kernel.kind_m == z
        sparse_mf = np.pad(kernel.sparse_mf[own], ((0, 0), (0, 1)))  # the last holds covariance_sigma0
        arguments = soap_arguments(soap, soap.species[z])
        zeta = {"zeta": (potential.zeta,)}
        alpha_m = potential.weights_[own]
        coordinates.append(Coordinates(arguments, "dot_product", potential.delta, sparse_mf, alpha_m, zeta))
    offsets = dict(zip(soap.species, potential.offsets_.tolist(), strict=True))
    return write_xml(target, QuipXML(offsets, coordinates))


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
        If it holds what a `GAP` does not.
    """
    content = read_xml(Path(path))
    if not content.coordinates:
        raise ExchangeError(f"{Path(path).name}: expected at least one gpCoordinates, got none")
    return _assembled(content)


def _assembled(content: QuipXML) -> GAP:
    soaps, centres = zip(*(_soap_of_centre(own, content.version) for own in content.coordinates), strict=True)
    if len(set(soaps)) > 1:
        raise ExchangeError(f"a GAP has one SOAP for all elements, not {len(set(soaps))} different ones")
    soap: QuipSOAP = soaps[0]
    zetas = {own.parameters["zeta"][0] for own in content.coordinates}
    if len(zetas) > 1:
        raise ExchangeError(
            f"a GAP has one zeta for all elements, not {', '.join(f'{zeta:g}' for zeta in sorted(zetas))}"
        )
    delta = content.coordinates[0].delta
    potential = GAP(soap, zeta=zetas.pop(), delta=delta, n_sparse=sum(len(own.alpha_m) for own in content.coordinates))
    species_m = np.concatenate(
        [np.full(len(own.alpha_m), soap.species.index(z)) for own, z in zip(content.coordinates, centres, strict=True)]
    )
    order = np.argsort(species_m, kind="stable")
    sparse_mf = np.concatenate([own.sparse_mf[:, :-1] for own in content.coordinates])[order]
    # what belongs to another variance is put into the weights
    weights_m = np.concatenate([own.alpha_m * (own.delta / delta) ** 2 for own in content.coordinates])[order]
    potential.groups_ = {}
    potential.offsets_ = np.array([content.offsets.get(symbol, 0.0) for symbol in soap.species])
    potential.weights_ = weights_m
    kernel = SparseKernel(PolynomialKernel(potential.zeta), potential.delta, sparse_mf, species_m[order])
    potential._process, potential.log_likelihood_ = SparseProcess((soap,), (kernel,)), float("nan")
    potential._prior_mm = potential._posterior_mm = np.full((len(weights_m),) * 2, np.nan)
    return potential


def _soap_of_centre(own: Coordinates, version: int) -> tuple[QuipSOAP, str]:
    kind, arguments = split_arguments(own.descriptor)
    if kind != "soap" or own.covariance != "dot_product" or "zeta" not in own.parameters:
        raise ExchangeError(f"a GAP holds soap with dot_product here, not {kind} with {own.covariance}")
    soap = soap_of(arguments, version)
    if own.sparse_mf.shape[1] != len(soap.names) + 1:
        raise ExchangeError(
            f"expected sparse points of {len(soap.names) + 1} numbers for {own.descriptor!r}, "
            f"got {own.sparse_mf.shape[1]}"
        )
    found = symbols(arguments.get("Z", ""))
    if len(found) != 1 or found[0] not in soap.species:
        raise ExchangeError(f"`Z`: expected one element of {', '.join(soap.species)} as the centre, got {found}")
    return soap, found[0]


def known_elements(species: Sequence[str]) -> str:
    """Atomic numbers as gap_fit lists them."""
    return " ".join(str(atomic_numbers[symbol]) for symbol in species)
