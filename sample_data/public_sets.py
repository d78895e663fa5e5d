"""Public reference data that are not part of the project: where they are, what they are, and how files are checked.

A file's hash is given where it is known: the MD5 that figshare publishes with each file, or the SHA-256 of a copy that
was read. Where none is known, the first download is trusted, and every later one is checked against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MLEARN_COMMIT = "a04d3b6ecaac47c27aa8f7e452c16a5c9a2a8cff"
MLEARN_HASHES = {"Si_test.json": "sha256:d452b30a89f23bff76f7cc529b7b6c2d159ea81ccd5a4599fb1a18207654fa91"}

RMD17_FILES = {
    "aspirin": (62265757, "17fd6fb69066888613f7e16b358a7553"),
    "azobenzene": (62265754, "be79df918468eb3579aa73a0becf7390"),
    "benzene": (62265739, "18c9242bc90fbf28215f6dd81e650f16"),
    "ethanol": (62265733, "eb837fb8deb27d4e0d52f71a03aff776"),
    "malonaldehyde": (62265736, "cdc1d70c0c34062ddde6e5071eb6fe21"),
    "naphthalene": (62265751, "0efba19c9907e3852318b1e6008b3b9e"),
    "paracetamol": (62265760, "ba10784f7b67635427085f6d7ec2dd97"),
    "salicylic": (62265748, "900fedf242da438400fa4293348d7dd1"),
    "toluene": (62265742, "0f2913d51f8149c90ab28d697a076f64"),
    "uracil": (62265745, "992a4479c28a07e0cce6da964805be31"),
}
"""Number of figshare's file and its MD5."""


@dataclass(frozen=True)
class PublicFile:
    """A file on the web.

    Attributes
    ----------
    name
        What it is called here.
    url
        Where it is.
    known_hash
        ``sha256:`` or ``md5:`` and the hash in hexadecimal digits; None where nobody published one.
    """

    name: str
    url: str
    known_hash: str | None = None


@dataclass(frozen=True)
class PublicSet:
    """A set of reference data on the web.

    Attributes
    ----------
    name
        What `fetch` calls it.
    description
        What it is, and how its references were computed.
    licence
        What its authors allow.
    citation
        What to cite.
    parts
        The files of each part. `fetch` takes the first part where none is asked for.
    advice
        What a person who uses it must know; goes to the notes.
    """

    name: str
    description: str
    licence: str
    citation: str
    parts: Mapping[str, tuple[PublicFile, ...]]
    advice: tuple[str, ...] = ()


def _mlearn_file(element: str, half: str) -> PublicFile:
    name = f"{element}_{half}.json"
    base = f"https://raw.githubusercontent.com/materialsvirtuallab/mlearn/{MLEARN_COMMIT}/data"
    return PublicFile(name, f"{base}/{element}/{half}.json", MLEARN_HASHES.get(name))


def _mlearn_parts() -> dict[str, tuple[PublicFile, ...]]:
    elements = ("Si", "Cu", "Ge", "Li", "Mo", "Ni")
    halves = {e: (_mlearn_file(e, "training"), _mlearn_file(e, "test")) for e in elements}
    tests = {f"{e} test": (files[1],) for e, files in halves.items()}
    return {**halves, **{f"{e} training": (files[0],) for e, files in halves.items()}, **tests}


def _md17_file(molecule: str, ending: str = "") -> PublicFile:
    name = f"md17_{molecule}{ending}.npz"
    return PublicFile(name, f"http://www.quantum-machine.org/gdml/data/npz/{name}")


RMD17 = PublicSet(
    name="rmd17",
    description="Revised MD17: 100,000 configurations of each of ten molecules, PBE/def2-SVP, energies and forces",
    licence="CC0 or CC BY 4.0, as the page of the data says",
    citation="A. S. Christensen, O. A. von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018 (2020). "
    "doi:10.1088/2632-2153/abba6f; data: doi:10.6084/m9.figshare.12672038",
    parts={
        molecule: (
            PublicFile(f"rmd17_{molecule}.npz", f"https://ndownloader.figshare.com/files/{number}", f"md5:{md5}"),
        )
        for molecule, (number, md5) in sorted(RMD17_FILES.items(), key=lambda item: item[0] != "ethanol")
    },
    advice=(
        "rMD17: configurations are correlated; its authors warn against training on more than 1,000 of a molecule",
    ),
)
MD17 = PublicSet(
    name="md17",
    description="MD17: up to 10⁶ configurations of each of eight molecules, PBE+TS, energies and forces",
    licence="none stated",
    citation="S. Chmiela et al., Sci. Adv. 3, e1603015 (2017). doi:10.1126/sciadv.1603015",
    parts={
        "ethanol": (_md17_file("ethanol"),),
        "benzene": (_md17_file("benzene", "2017"),),
        **{
            name: (_md17_file(name),)
            for name in ("aspirin", "malonaldehyde", "naphthalene", "salicylic", "toluene", "uracil")
        },
    },
    advice=("MD17: its energies and forces are noisy; the revised set, rmd17, was made for that reason",),
)
QM7 = PublicSet(
    name="qm7",
    description="QM7: atomisation energies of 7,165 small organic molecules, PBE0",
    licence="none stated",
    citation="M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012). "
    "doi:10.1103/PhysRevLett.108.058301",
    parts={"molecules": (PublicFile("qm7.mat", "http://quantum-machine.org/data/qm7.mat"),)},
)
MLEARN = PublicSet(
    name="mlearn",
    description="The benchmark of Zuo et al. for six elements, VASP PBE, energies, forces and stresses, with its own "
    "division into training and test",
    licence="BSD-3-Clause",
    citation="Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020). doi:10.1021/acs.jpca.9b08723",
    parts=_mlearn_parts(),
)

PUBLIC_SETS: dict[str, PublicSet] = {found.name: found for found in (MD17, MLEARN, QM7, RMD17)}
