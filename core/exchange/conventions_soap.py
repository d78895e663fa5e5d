"""What the arguments of DScribe's SOAP mean here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.descriptors.base import Descriptor
from potscope.core.exchange.findings import Explanation, Finding
from potscope.core.exchange.lines import ExchangeError

KNOWN = (
    "species",
    "r_cut",
    "n_max",
    "l_max",
    "sigma",
    "rbf",
    "weighting",
    "average",
    "compression",
    "periodic",
    "sparse",
    "dtype",
)
WEIGHTING = {"c": "weighting_scale", "d": "weighting_offset", "m": "weighting_power", "r0": "weighting_radius"}


def of_dscribe(arguments: Mapping[str, Any]) -> Explanation:
    """Of keyword arguments of ``dscribe.descriptors.SOAP``."""
    unknown = sorted(set(arguments) - set(KNOWN))
    if unknown:
        raise ExchangeError(f"`source`: expected arguments of DScribe's SOAP, {', '.join(KNOWN)}, got {unknown[0]}")
    for name in ("species", "r_cut", "n_max", "l_max"):
        if name not in arguments:
            raise ExchangeError(f"`source`: expected `{name}` among the arguments of DScribe's SOAP")
    weighting = dict(arguments.get("weighting") or {})
    try:
        descriptor = _descriptor(arguments, weighting)
    except (TypeError, ValueError) as error:
        raise ExchangeError(f"SOAP: {error}") from error
    sigma = float(arguments.get("sigma", 1.0))
    found = [
        Finding("descriptor", "SOAP with these arguments", f"{descriptor!r} has the same values", "converted"),
        Finding(
            "cutoff",
            f"r_cut {arguments['r_cut']:g} Å, and nothing is smoothed: features jump where a neighbour leaves",
            f'cutoff={float(arguments["r_cut"])!r} with smoothing="none" gives the same numbers; the default is a '
            "cosine over the last 1 Å",
            "differs",
        ),
        Finding("sigma", f"exp(−r²/2σ²), σ {sigma:g} Å" + _by_default(arguments, "sigma"), f"sigma={sigma!r}", "same"),
        Finding(
            "radial basis",
            f"{arguments.get('rbf', 'gto')}, n_max {arguments['n_max']}: made orthonormal by the root of the overlaps",
            "the same",
            "same",
        ),
        Finding(
            "order", "pairs of species by atomic number, then l, n, n'; n' ≥ n for equal species", "the same", "same"
        ),
        Finding("factors", "π √(8/(2l + 1)); no √2 where only half of n n' is kept", "the same", "same"),
        _of_centre(weighting),
        Finding(
            "periodicity",
            f"periodic={bool(arguments.get('periodic', False))}, an argument",
            "what `atoms.pbc` says, axis by axis",
            "differs",
        ),
    ]
    if arguments.get("average", "off") != "off":
        found.append(Finding("average", f"{arguments['average']!r}", "AverageSOAP", "converted"))
    return Explanation("SOAP of DScribe", tuple(found))


def _by_default(arguments: Mapping[str, Any], name: str) -> str:
    return "" if name in arguments else ", its default; ours is 0.5 Å"


def _of_centre(weighting: Mapping[str, Any]) -> Finding:
    if "w0" in weighting:
        return Finding(
            "the atom itself", f"w0 {weighting['w0']:g}", f"central_weight={float(weighting['w0'])!r}", "same"
        )
    if weighting.get("function"):
        theirs = "weighted by the function at a distance of zero, as w0 is left out"
        return Finding("the atom itself", theirs, "central_weight, 1 by default", "differs")
    return Finding("the atom itself", "counts as one", "central_weight=1.0", "same")


def _descriptor(arguments: Mapping[str, Any], weighting: Mapping[str, Any]) -> Descriptor:
    settings: dict[str, Any] = {
        "species": tuple(arguments["species"]),
        "cutoff": float(arguments["r_cut"]),
        "n_max": arguments["n_max"],
        "l_max": arguments["l_max"],
        "sigma": float(arguments.get("sigma", 1.0)),
        "smoothing": "none",
        "radial_basis": arguments.get("rbf", "gto"),
    }
    compression = arguments.get("compression")
    if compression:
        settings["compression"] = compression["mode"] if isinstance(compression, Mapping) else compression
    if weighting.get("function"):
        settings["weighting"] = weighting["function"]
    settings |= {WEIGHTING[name]: float(value) for name, value in weighting.items() if name in WEIGHTING}
    if "w0" in weighting:
        settings["central_weight"] = float(weighting["w0"])
    average = arguments.get("average", "off")
    return SOAP(**settings) if average == "off" else AverageSOAP(**settings, average=average)
