"""The XML of QUIP's Gaussian approximation potentials, with the files of sparse points beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from potscope.core._types import Array
from potscope.core.exchange.lines import ExchangeError
from potscope.core.exchange.quip_arguments import OWN_SPECIES_SINCE

COVARIANCES = {1: "ard_se", 2: "dot_product", 4: "pp"}
"""Covariance types by their numbers in ``gpCoordinates``."""


@dataclass(frozen=True)
class Coordinates:
    """One sum of kernels: a ``gpCoordinates``.

    Attributes
    ----------
    descriptor
        As QUIP writes it.
    covariance
        The name of the covariance type.
    delta
        The root of the variance, eV.
    sparse_mf, alpha_m
        Sparse points as the descriptor gives them, and their weights.
    parameters
        ``zeta``, or ``theta`` as a list.
    """

    descriptor: str
    covariance: str
    delta: float
    sparse_mf: Array
    alpha_m: Array
    parameters: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class QuipXML:
    """What a file says: energies of single atoms by element, eV, and sums of kernels."""

    offsets: dict[str, float]
    coordinates: list[Coordinates] = field(default_factory=list)
    version: int = OWN_SPECIES_SINCE
    command: str = ""


def read_xml(path: Path) -> QuipXML:
    """Read an XML and its sparse points.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ExchangeError
        If the file is no such XML, or a sparse file is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`path`: there is no file {path}")
    try:
        # expat limits what entities may expand to
        root = ET.fromstring(path.read_bytes())  # noqa: S314
    except ET.ParseError as error:
        raise ExchangeError(f"{path.name}: no XML: {error}") from error
    parameters = [element for element in root.iter() if element.tag == "GAP_params"]
    if len(parameters) != 1:
        raise ExchangeError(f"{path.name}: expected one GAP_params, got {len(parameters)}")
    data, sparse = parameters[0].find("GAP_data"), parameters[0].find("gpSparse")
    if data is None or sparse is None:
        raise ExchangeError(f"{path.name}: expected GAP_data and gpSparse in GAP_params")
    if data.get("do_core", "F").upper().strip(".") in ("T", "TRUE"):
        raise ExchangeError(
            f"{path.name}: a core potential under the Gaussian process (do_core) is more than a GAP holds"
        )
    offsets = {}
    for element in data.findall("e0"):
        z = int(_number(path, element, "Z"))
        if not 0 < z < len(chemical_symbols):
            raise ExchangeError(f"{path.name}: expected an atomic number in e0, got {z}")
        offsets[chemical_symbols[z]] = _number(path, element, "value")
    command = parameters[0].find("command_line")
    return QuipXML(
        offsets,
        [_coordinates(path, element) for element in sparse.findall("gpCoordinates")],
        int(_number(path, parameters[0], "gap_version", "0")),
        (command.text or "").strip() if command is not None else "",
    )


def _coordinates(path: Path, element: ET.Element) -> Coordinates:
    descriptor = (element.findtext("descriptor") or "").strip()
    kind = int(_number(path, element, "covariance_type"))
    if kind not in COVARIANCES:
        known = ", ".join(f"{key} ({name})" for key, name in COVARIANCES.items())
        raise ExchangeError(f"{path.name}: expected a covariance_type of {known}, got {kind}")
    if _number(path, element, "signal_mean", "0") != 0:
        raise ExchangeError(f"{path.name}: expected a signal_mean (f0) of 0, all that a GAP knows")
    n_features, n_sparse = (int(_number(path, element, name)) for name in ("dimensions", "n_sparseX"))
    points = element.findall("sparseX")
    if len(points) != n_sparse:
        raise ExchangeError(f"{path.name}: expected {n_sparse} sparseX of {descriptor!r}, got {len(points)}")
    alpha_m = np.array([_number(path, point, "alpha") * _number(path, point, "sparseCutoff", "1") for point in points])
    parameters: dict[str, tuple[float, ...]] = {}
    if element.get("zeta") is not None:
        parameters["zeta"] = (_number(path, element, "zeta"),)
    if element.find("theta") is not None:
        parameters["theta"] = tuple(float(word) for word in (element.findtext("theta") or "").split())
    sparse_mf = _sparse_points(path, element, n_sparse, n_features)
    return Coordinates(
        descriptor, COVARIANCES[kind], _number(path, element, "signal_variance"), sparse_mf, alpha_m, parameters
    )


def _sparse_points(path: Path, element: ET.Element, n_sparse: int, n_features: int) -> Array:
    source = path.parent / Path(element.get("sparseX_filename", "")).name
    if not source.is_file():
        raise FileNotFoundError(f"`path`: {path.name} names the sparse points {source}, which is no file")
    content = source.read_bytes()
    expected = element.get("sparseX_md5sum")
    if expected is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
        raise ExchangeError(f"{source.name} is not the file that {path.name} was written with")
    try:
        values = np.array(content.split(), dtype=float)
    except ValueError as error:
        raise ExchangeError(f"{source.name}: expected numbers: {error}") from error
    if values.size != n_sparse * n_features:
        raise ExchangeError(f"{source.name}: expected {n_sparse} × {n_features} numbers, got {values.size}")
    return values.reshape(n_sparse, n_features)


def _number(path: Path, element: ET.Element, name: str, usual: str | None = None) -> float:
    value = element.get(name, usual)
    if value is None:
        raise ExchangeError(f"{path.name}: expected `{name}` in {element.tag}")
    try:
        return float(value.strip())
    except ValueError:
        raise ExchangeError(f"{path.name}: expected a number for `{name}` in {element.tag}, got {value!r}") from None


def write_xml(path: Path, content: QuipXML) -> list[Path]:
    """Write an XML and its sparse points; returns all the files, the XML first."""
    label = "GAP_" + re.sub(r"\W", "_", path.stem)
    root = ET.Element(label)
    ET.SubElement(root, "Potential", label=label, init_args=f"IP GAP label={label}")
    parameters = ET.SubElement(root, "GAP_params", label=label, gap_version=str(content.version))
    data = ET.SubElement(parameters, "GAP_data", do_core="F")
    for symbol, energy in content.offsets.items():
        ET.SubElement(data, "e0", Z=str(atomic_numbers[symbol]), value=repr(float(energy)))
    sparse = ET.SubElement(parameters, "gpSparse", label=label, n_coordinate=str(len(content.coordinates)), fitted="T")
    written = [path]
    for place, own in enumerate(content.coordinates, start=1):
        points = path.with_name(f"{path.name}.sparseX.{label}{place}")
        text = "".join(f"{value:.17e}\n" for value in own.sparse_mf.ravel())
        points.write_text(text, encoding="ascii")
        sparse.append(_element(own, f"{label}{place}", points.name, text))
        written.append(points)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8")
    return written


def _element(own: Coordinates, label: str, points: str, text: str) -> ET.Element:
    kind = {name: number for number, name in COVARIANCES.items()}[own.covariance]
    element = ET.Element(
        "gpCoordinates",
        label=label,
        dimensions=str(own.sparse_mf.shape[1]),
        signal_variance=repr(float(own.delta)),
        signal_mean="0.0",
        sparsified="T",
        n_permutations="1",
        covariance_type=str(kind),
        n_sparseX=str(len(own.sparse_mf)),
        sparseX_filename=points,
        sparseX_md5sum=hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest(),
    )
    if "zeta" in own.parameters:
        element.set("zeta", repr(float(own.parameters["zeta"][0])))
    if "theta" in own.parameters:
        ET.SubElement(element, "theta").text = _spread(own.parameters["theta"])
    ET.SubElement(element, "descriptor").text = own.descriptor
    ET.SubElement(element, "permutation", i="1").text = " ".join(str(k + 1) for k in range(own.sparse_mf.shape[1]))
    for place, alpha in enumerate(own.alpha_m, start=1):
        ET.SubElement(element, "sparseX", i=str(place), alpha=repr(float(alpha)), sparseCutoff="1.0")
    return element


def _spread(values: Sequence[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
