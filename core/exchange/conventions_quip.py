"""What QUIP's XML, its descriptors and command lines of gap_fit mean here."""

from __future__ import annotations

import re
from pathlib import Path

from ase import units

from potscope.core.descriptors import QuipSOAP
from potscope.core.exchange.findings import Explanation, Finding
from potscope.core.exchange.lines import ExchangeError
from potscope.core.exchange.quip_arguments import ELEMENTS, few_body_of, soap_of, split_arguments
from potscope.core.exchange.quip_xml import QuipXML, read_xml

UNITS = Finding("units", "eV, Å, eV/Å", "eV, Å, eV/Å", "same")
STRESS = Finding(
    "stress",
    "virials in eV: minus the stress times the volume; quippy gives ASE's stress",
    f"stresses in eV/Å³, positive under tension, xx yy zz yz xz xy; 1 eV/Å³ is {1 / units.GPa:.10g} GPa",
    "converted",
)


def of_xml(path: Path) -> Explanation:
    """Of a potential in an XML."""
    content = read_xml(path)
    findings: list[Finding] = []
    for text in dict.fromkeys(own.descriptor for own in content.coordinates):
        kind, arguments = split_arguments(text)
        findings += [own for own in _of_descriptor(kind, arguments, content.version) if own not in findings]
    findings += [*_of_offsets(content), _DELTA, _POINTS, UNITS, STRESS]
    findings.append(
        Finding(
            "standard deviations",
            "need the training data",
            "none, as what they rest on is not known: `has_energy_std` is False",
            "differs",
        )
    )
    return Explanation(str(path), tuple(findings))


_DELTA = Finding(
    "delta",
    "signal_variance in the XML is δ, the root of the variance",
    "`delta` is δ; twice as large for pairs and triplets, which QUIP counts from both ends",
    "converted",
)
_POINTS = Finding(
    "sparse points", "normalised spectra in a file of their own", "the same, kept with the weights", "same"
)


def _of_offsets(content: QuipXML) -> list[Finding]:
    known = {symbol: energy for symbol, energy in content.offsets.items() if energy != 0}
    listed = ", ".join(f"{symbol} {energy:g} eV" for symbol, energy in known.items()) or "0 for all"
    return [Finding("offsets", f"e0: {listed}, added for each atom", "`offsets_`", "same")]


def of_command(text: str) -> Explanation:
    """Of a command line of gap_fit, or of one descriptor."""
    options = _options(text)
    gap = options.get("gap")
    descriptors = [part for part in gap.split(" : ") if part.strip()] if gap is not None else [text]
    findings: list[Finding] = []
    for part in descriptors:
        kind, arguments = split_arguments(part.strip())
        findings += _of_descriptor(kind, {"species_Z": "1", "Z": "1", "Z1": "1", "Z2": "1", **arguments})
        findings += _of_kernel(kind, arguments)
    if gap is not None:
        findings += [*_of_noise(options), *_of_e0(options)]
    findings += [UNITS, STRESS]
    return Explanation(text if len(text) < 100 else f"{text[:99]}…", tuple(findings))


def _options(text: str) -> dict[str, str]:
    """Of a command line: what is quoted or in braces is one value."""
    found = re.findall(r"""(\w+)=(\{(?:[^{}]|\{[^{}]*\})*\}|"[^"]*"|'[^']*'|\S+)""", text)
    return {name: value[1:-1] if value[0] in "{\"'" else value for name, value in found}


def _of_descriptor(kind: str, arguments: dict[str, str], version: int | None = None) -> list[Finding]:
    if kind == "soap":
        soap = soap_of(arguments) if version is None else soap_of(arguments, version)
        return _of_soap(soap)
    if kind in ELEMENTS:
        descriptor, _ = few_body_of(kind, arguments)
        once = "pairs" if kind == "distance_2b" else "triplets"
        theirs = f"{kind}, a cosine from {descriptor.cutoff - descriptor.width:g} to {descriptor.cutoff:g} Å"
        ours = f"{type(descriptor).__name__}(…, {descriptor.cutoff!r}, {descriptor.width!r}), the same function"
        return [
            Finding(kind, theirs, ours, "same"),
            Finding(f"count of {once}", "each from both its ends, or in both orders", "each once", "converted"),
        ]
    raise ExchangeError(f"`source`: expected soap, {' or '.join(ELEMENTS)}, got {kind!r}")


def _of_soap(soap: QuipSOAP) -> list[Finding]:
    start = soap.cutoff - soap.cutoff_transition_width
    return [
        Finding(
            "soap",
            f"n_max {soap.n_max}, l_max {soap.l_max}, Gaussians at equal spacings, interpolated and made orthonormal",
            "QuipSOAP has the same values; SOAP has other radial functions, and no XML holds it",
            "same",
        ),
        Finding(
            "cutoff",
            f"weights fall by a cosine from {start:g} to {soap.cutoff:g} Å",
            "the same: cutoff, cutoff_transition_width",
            "same",
        ),
        Finding("atom_sigma", f"exp(−r²/2σ²), σ {soap.atom_sigma:g} Å", "the same; `sigma` of SOAP", "same"),
        Finding(
            "central_weight",
            f"{soap.central_weight:g}: the atom counts in the density of its own element alone",
            "the same",
            "same",
        ),
        Finding(
            "order",
            "elements as in species_Z, pairs of (element, n) with the second not above the first, then l; √2 where the "
            "two are not one; a last number for covariance_sigma0",
            "the same without the last; SOAP has DScribe's order, and no √2",
            "converted",
        ),
        Finding(
            "normalise",
            "spectra have length one",
            "`compute` gives them as they are; a GAP normalises them",
            "converted",
        ),
    ]


def _of_kernel(kind: str, arguments: dict[str, str]) -> list[Finding]:
    found = []
    delta = arguments.get("delta", "1.0")
    covariance = arguments.get("covariance_type", "")
    if kind == "soap":
        found.append(
            Finding("kernel", f"{covariance or 'dot_product'}, zeta {arguments.get('zeta', '1.0')}", "zeta", "same")
        )
        found.append(Finding("delta", f"δ {delta} eV", f"delta={float(delta)!r}", "same"))
    else:
        found.append(Finding(f"delta of {kind}", f"δ {delta} eV", f"delta={2 * float(delta)!r}", "converted"))
        if "theta_uniform" in arguments:
            theta = arguments["theta_uniform"].split()
            ours = f"SquaredExponential(({', '.join(theta)},)) with relative_lengths=False"
            found.append(Finding(f"theta of {kind}", f"theta_uniform {' '.join(theta)}", ours, "same"))
        else:
            theirs = f"theta_fac {arguments.get('theta_fac', '1.0')} × the range of each feature in the data"
            ours = "`length` is in units of the spread of each feature times the root of their number"
            found.append(Finding(f"theta of {kind}", theirs, ours, "differs"))
    if "n_sparse" in arguments:
        theirs = f"n_sparse {arguments['n_sparse']} for each central element, pair or triplet of elements"
        found.append(Finding(f"n_sparse of {kind}", theirs, "n_sparse is that of all together", "differs"))
    if "sparse_method" in arguments:
        theirs = f"{arguments['sparse_method']}, with chance in it"
        ours = "sparse_method: farthest points, CUR without chance, uniform, random by a seed"
        found.append(Finding(f"sparse_method of {kind}", theirs, ours, "differs"))
    return found


def _of_noise(options: dict[str, str]) -> list[Finding]:
    words = options.get("default_sigma", "").split()
    found = []
    if len(words) >= 3:
        energy, force, virial = (float(word.lower().replace("d", "e")) for word in words[:3])
        found.append(
            Finding(
                "default_sigma",
                f"energies {energy:g} eV an atom: the noise of a structure of N atoms is that times √N; forces "
                f"{force:g} eV/Å each component; virials {virial:g} eV an atom, times √N",
                f"energy_sigma={energy!r}, force_sigma={force!r}, virial_sigma={virial!r}, the same with √N",
                "same",
            )
        )
    if "config_type_sigma" in options:
        theirs = "sigmas of each config_type"
        found.append(Finding("config_type_sigma", theirs, "`fit(…, groups={name: Sigmas(…)})`", "converted"))
    found.append(
        Finding(
            "sparse_jitter",
            f"{options.get('sparse_jitter', '1.0e-10')} eV², added to the kernel between sparse points",
            "1e-10 times delta²",
            "differs",
        )
    )
    return found


def _of_e0(options: dict[str, str]) -> list[Finding]:
    given = options.get("e0")
    method = options.get("e0_method", "isolated")
    theirs = f"e0 {given}" if given else f"e0_method {method}"
    ours = "offsets are the least-squares solution for all energies; those of a file that is read are kept"
    return [Finding("offsets", theirs, ours, "differs")]
