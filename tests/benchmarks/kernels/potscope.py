"""potscope's times of kernel matrices between structures, normalised."""

from __future__ import annotations

from importlib.metadata import version

from cases import ALPHA, CUTOFF, L_MAX, N_MAX, N_MOLECULES, SIGMA, SPECIES, THRESHOLD, microseconds_a_pair, molecules
from timing import report

from potscope.core.compiled import set_num_threads
from potscope.core.descriptors import SOAP
from potscope.core.kernels import (
    AverageKernel,
    BestMatchKernel,
    PolynomialKernel,
    REMatchKernel,
    normalised_kernel,
)

set_num_threads(1)
soap = SOAP(species=SPECIES, cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA, smoothing="none")
features, cosine = soap.compute(molecules()), PolynomialKernel(1.0)
times = {}
for name, kernel in {
    "REMatch": REMatchKernel(ALPHA, THRESHOLD),
    "average": AverageKernel(),
    "best match": BestMatchKernel(),
}.items():
    kernel.matrix(soap.compute(molecules()[:3]), None, cosine)
    times[f"{name} kernel matrix, {N_MOLECULES} molecules"] = microseconds_a_pair(
        lambda: normalised_kernel(kernel.matrix(features, None, cosine)), 3
    )
report(f"potscope {version('potscope')}", times)
