"""What a file or parameters of another code mean here, in words, and where the two differ.

>>> print(explain({"r_cut": 5.0, "n_max": 8, "l_max": 6, "species": ["Si"]}).of("cutoff"))
cutoff: differs
    theirs  r_cut 5 Å, and nothing is smoothed: features jump where a neighbour leaves
    here    cutoff=5.0 with smoothing="none" gives the same numbers; the default is a cosine over the last 1 Å
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from potscope.core.exchange import conventions_networks, conventions_quip, conventions_snap, conventions_soap
from potscope.core.exchange.findings import Explanation
from potscope.core.exchange.lines import ExchangeError

KNOWN = (
    "a .snapparam, a .snapcoeff or LAMMPS' commands with pair_style snap, an input.nn or the folder of one, an XML of "
    "QUIP, a command line of gap_fit or a descriptor of QUIP, a .in of FitSNAP, arguments of DScribe's SOAP"
)


def explain(source: str | Path | Mapping[str, Any], unit: str = "Bohr") -> Explanation:
    """What a file or parameters of another code mean here.

    Parameters
    ----------
    source
        A path: of a ``.snapparam``, a ``.snapcoeff`` or LAMMPS' commands; of an ``input.nn`` or its folder; of QUIP's
        XML; of FitSNAP's ``.in``. Or a text: a command line of gap_fit, or a descriptor as QUIP writes it. Or a
        mapping: the keyword arguments of DScribe's ``SOAP``.
    unit
        Of the lengths in an ``input.nn``: ``"Bohr"``, with energies in Hartree, or ``"Å"``, with eV.

    Raises
    ------
    FileNotFoundError
        If it is a path and nothing is there.
    ExchangeError
        If it is none of these, or a number in it is none.
    """
    if isinstance(source, Mapping):
        return conventions_soap.of_dscribe(source)
    text = str(source)
    if isinstance(source, str) and ("=" in text or text.startswith("gap_fit")):
        return conventions_quip.of_command(text)
    path = Path(source)
    if path.is_dir():
        path = path / "input.nn"
    if not path.is_file():
        raise FileNotFoundError(f"`source`: there is no file {path}; known are {KNOWN}")
    if path.name.startswith("input") and path.suffix == ".nn":
        return conventions_networks.of_input(path, unit)
    if path.suffix == ".xml":
        return conventions_quip.of_xml(path)
    if path.suffix in (".snapparam", ".snapcoeff", ".snap"):
        return conventions_snap.of_files(path)
    if path.suffix == ".in":
        if "[BISPECTRUM]" in path.read_text(encoding="utf-8", errors="replace").upper():
            return conventions_snap.of_fitsnap(path)
        return conventions_snap.of_files(path)
    raise ExchangeError(f"`source`: expected {KNOWN}, got {path.name}")
