"""Every family with one set of settings for silicon, and one for methane."""

from __future__ import annotations

from potscope.core.descriptors import ACSF, SOAP, AverageSOAP, Bispectrum, CoulombMatrix, SineMatrix, TwoBody
from potscope.core.kernels import SquaredExponential
from potscope.core.models import (
    GAP,
    SNAP,
    SVR,
    Delta,
    KernelRidge,
    NeuralNetwork,
    PairPotential,
    Potential,
    Repulsion,
    Term,
)

SILICON, METHANE = ("Si",), ("C", "H")


def of_silicon() -> dict[str, Potential]:
    """The five families with the settings of the table of errors, and variants whose short range is looked after."""
    soap, average = SOAP(species=SILICON), AverageSOAP(species=SILICON)
    pairs = Term(TwoBody(species=SILICON, cutoff=5.0), SquaredExponential((0.5,)), n_sparse=50)
    smooth = SOAP(species=SILICON, smoothing="poly2")
    elements = {"species": SILICON, "radelem": [0.5], "wj": [1.0]}
    return {
        "GAP": GAP(soap, n_sparse=500),
        "SNAP": SNAP(Bispectrum(twojmax=8, rcutfac=5.2, **elements)),
        "neural network": NeuralNetwork(ACSF(species=SILICON)),
        "kernel ridge": KernelRidge(average),
        "SVR": SVR(average, C=1e3),
        "GAP, pairs": GAP(soap, n_sparse=500, terms=[pairs]),
        "GAP, pairs, ZBL": Delta(Repulsion(), GAP(soap, n_sparse=500, terms=[pairs])),
        "GAP, poly2": GAP(smooth, n_sparse=500),
        "SNAP, quadratic": SNAP(
            Bispectrum(twojmax=6, rcutfac=4.7, quadraticflag=True, **elements), energy_weight=300.0
        ),
        "SNAP, defaults": SNAP(Bispectrum(species=SILICON)),
        "kernel ridge, sine matrix": KernelRidge(SineMatrix(n_atoms_max=16)),
    }


def of_methane() -> dict[str, Potential]:
    """The five families, kernel ridge on what averages over atoms and on what has all distances, and pairs alone."""
    soap, average = SOAP(species=METHANE, n_max=6, l_max=4), AverageSOAP(species=METHANE, n_max=6, l_max=4)
    return {
        "GAP": GAP(soap, n_sparse=500),
        "SNAP": SNAP(Bispectrum(species=METHANE, twojmax=8, rcutfac=5.2, radelem=[0.5, 0.5], wj=[1.0, 0.4])),
        "neural network": NeuralNetwork(ACSF(species=METHANE)),
        "kernel ridge": KernelRidge(average),
        "SVR": SVR(average, C=1e3),
        "Morse pairs": PairPotential(),
        "kernel ridge, Coulomb eigenspectrum": KernelRidge(CoulombMatrix(n_atoms_max=5)),
        "kernel ridge, sorted Coulomb matrix": KernelRidge(CoulombMatrix(n_atoms_max=5, permutation="sorted")),
    }
