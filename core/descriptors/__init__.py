"""Descriptors of atomic structures.

A new descriptor is a file here and a place in `REGISTRY`: its controls in the workbench, its map and its tests follow.
"""

from __future__ import annotations

from potscope.core.descriptors.acsf import ACSF, ElementACSF, WeightedACSF
from potscope.core.descriptors.base import Descriptor, LocalDescriptor
from potscope.core.descriptors.bispectrum import Bispectrum
from potscope.core.descriptors.cartesian import CartesianCoordinates
from potscope.core.descriptors.coulomb import CoulombMatrix
from potscope.core.descriptors.distances import SortedDistances
from potscope.core.descriptors.ewald import EwaldMatrix
from potscope.core.descriptors.few_body import FEW_BODY, FewBody, ThreeBody, TwoBody
from potscope.core.descriptors.sine import SineMatrix
from potscope.core.descriptors.so3 import BispectrumSO3, PowerSpectrumSO3
from potscope.core.descriptors.soap import SOAP
from potscope.core.descriptors.soap_average import AverageSOAP
from potscope.core.descriptors.soap_quip import QuipSOAP

REGISTRY: dict[str, type[Descriptor]] = {
    cls.__name__: cls
    for cls in (
        SOAP,
        QuipSOAP,
        AverageSOAP,
        Bispectrum,
        PowerSpectrumSO3,
        BispectrumSO3,
        ACSF,
        WeightedACSF,
        ElementACSF,
        CoulombMatrix,
        SineMatrix,
        EwaldMatrix,
        SortedDistances,
        CartesianCoordinates,
    )
}

__all__ = [
    "ACSF",
    "FEW_BODY",
    "REGISTRY",
    "SOAP",
    "AverageSOAP",
    "Bispectrum",
    "BispectrumSO3",
    "CartesianCoordinates",
    "CoulombMatrix",
    "Descriptor",
    "ElementACSF",
    "EwaldMatrix",
    "FewBody",
    "LocalDescriptor",
    "PowerSpectrumSO3",
    "QuipSOAP",
    "SineMatrix",
    "SortedDistances",
    "ThreeBody",
    "TwoBody",
    "WeightedACSF",
]
