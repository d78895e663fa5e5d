"""The report of all physical checks."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from potscope import sample_data
from potscope.core.dataset import Dataset
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.hyperparameters import declared
from potscope.core.models import REGISTRY, NotFitted, Potential
from potscope.core.physics import CHECKS, Report, Row, report
from potscope.core.progress import Cancelled

from pairwise import Pairwise, morse, square_well


@cache
def silicon() -> tuple[Dataset, Dataset]:
    """Some to fit to, and what the checks compare with."""
    data, scans = sample_data.load("silicon"), sample_data.load("dimers-and-scans")
    return data[[s for s, group in enumerate(data.groups) if group in ("strained", "rattled")][::25]], scans


def named(found: Report) -> dict[str, Row]:
    return {row.quantity: row for row in found.rows}


def metal() -> Pairwise:
    """A crystal of the size of copper: no neighbours near the cutoff, where it is not smooth."""
    return morse(0.35, 1.4, 2.62, 4.1)


def test_a_metal_is_looked_at_from_all_sides() -> None:
    """What is found of the crystal that ASE knows of the element, without any reference."""
    seen: list[float] = []
    source, dear = metal(), ("phonons", "energy conservation", "vacancy")
    cheap = [check for check in CHECKS if check not in dear]
    found = report(
        source, species=["Cu"], cutoff=4.1, checks=cheap, title="Morse", progress=lambda x, words: seen.append(x)
    )
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    rows = named(found)
    assert not any(row.error for row in found.rows)
    assert [check for check in CHECKS if check in {row.check for row in found.rows}] == cheap[:-2]
    C11, C12 = rows["C11"].value, rows["C12"].value
    assert pytest.approx(rows["crystal: bulk modulus"].value, rel=0.02) == (C11 + 2 * C12) / 3
    assert pytest.approx(rows["C44"].value, rel=0.01) == C12
    for miller in ("100", "110", "111"):
        assert 0 < rows[f"({miller}): relaxed"].value <= rows[f"({miller}): as cut"].value
    jump = np.abs(source.slope(np.array([4.1])))[0]
    assert 0.2 * jump < rows["jump of a force"].value <= 8 * jump
    assert 0.5 * jump < rows["Cu crosses 4.1 Å about Cu: force"].value <= jump * 1.001


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_every_family_has_a_report(cls) -> None:
    """The quick checks with all that is known of silicon; what the others of the same elements have is left out."""
    train, scans = silicon()
    potential = _fitted(cls, train)
    quick = ("dimers", "equation of state", "cutoff", "paths", "degenerate structures")
    found = report(potential, reference=scans, checks=quick, degenerate=sample_data.load("degenerate-methane"))
    assert not [row for row in found.rows if row.error]
    assert {row.check for row in found.rows} <= {"dimers", "equation of state", "cutoff"}
    rows = named(found)
    assert rows["Si-Si: depth"].reference == pytest.approx(4.124, abs=1e-3)
    assert rows["diamond: bulk modulus"].reference == pytest.approx(86.3, abs=0.1)
    if "cutoff" in {row.check for row in found.rows}:
        assert max(row.value for row in found.rows if row.check == "cutoff") < 1e-6


def _fitted(cls: type[Potential], train: Dataset) -> Potential:
    if cls.descriptor_scope == "none":
        return cls().fit(train)
    kind = {"atom": SOAP, "structure": AverageSOAP}[cls.descriptor_scope]
    short = {"epochs": 20} if "epochs" in declared(cls) else {}
    return cls(kind(species=["Si"], cutoff=4.5, n_max=3, l_max=2), **short).fit(train)


def test_what_fails_is_a_row_and_the_others_are_there() -> None:
    class Stressless(Pairwise):
        def get_stress(self, *args) -> None:
            raise NotImplementedError("no stress here | there")

    source = metal()
    found = report(
        Stressless(source.phi, source.slope, 4.1), species=["Cu"], cutoff=4.1, checks=["elastic constants", "cutoff"]
    )
    assert [row.check for row in found.rows if row.error] == ["elastic constants"]
    assert found.rows[0].error == "NotImplementedError: no stress here | there"
    assert np.isnan(found.rows[0].value)
    assert len(found.rows) == 3
    text = str(found)
    assert "| elastic constants | failed: NotImplementedError: no stress here ¦ there | | | |" in text


def test_it_reads_and_writes_itself() -> None:
    rows = (
        Row("dimers", "bond length", 2.3, "Å", 2.2),
        Row("dimers", "attracts at", float("nan"), "Å"),
        Row("phonons", "", float("nan"), error="ValueError: no crystal"),
        Row("smoothness", "jump", 1.2e-9, "eV/Å", 0.0),
    )
    found = Report("two atoms", rows)
    content = json.loads(found.json())
    assert content["rows"][1]["value"] is None
    again = Report.from_json(found.json())
    assert str(again) == str(found)
    assert again.rows[0] == rows[0]
    assert str(found).splitlines()[4:] == [
        "| dimers | bond length | 2.3 | 2.2 | Å |",
        "|  | attracts at | – |  | Å |",
        "| phonons | failed: ValueError: no crystal | | | |",
        "| smoothness | jump | 1.20e-09 | 0 | eV/Å |",
    ]
    for text in ("{}", '{"title": "x", "rows": [{"value": 1}]}', "not JSON"):
        with pytest.raises(ValueError, match=r"`text`|Expecting value"):
            Report.from_json(text)


def test_degenerate_structures_are_looked_at_where_the_elements_are_known() -> None:
    """The bundled set holds other molecules too."""
    pairs = sample_data.load("degenerate-methane")
    for species, wanted in ((["C", "H"], 3), (["C"], 0)):
        found = report(metal(), species=species, degenerate=pairs, checks=["degenerate structures"])
        assert len(found.rows) == wanted
        assert not any(row.error for row in found.rows)


def test_cancelling_stops_it() -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        report(metal(), species=["Cu"], checks=["dimers", "elastic constants"], progress=stop)


def test_what_it_is_given_is_used_and_bad_arguments_are_refused() -> None:
    well, crystal = square_well(0.3, 3.2), bulk("Cu", a=3.6)
    slab = bulk("Cu", cubic=True, a=3.6) * (1, 1, 4)
    slab.center(vacuum=8, axis=2)
    found = report(well, species=["Cu"], crystal=crystal, slabs={"(100)": (slab, 0.5)}, checks=["vacancy", "surfaces"])
    rows = named(found)
    assert rows["(100): as cut"].reference == 0.5
    assert rows["(100): as cut"].value == pytest.approx(1.4832, abs=1e-3)
    assert not [row for row in report(well, species=["Na", "Cl"]).rows if row.check not in ("dimers",)]
    with pytest.raises(ValueError, match="`species`"):
        report(EMT())
    with pytest.raises(ValueError, match="`checks`"):
        report(EMT(), species=["Cu"], checks=["everything"])
    with pytest.raises(NotFitted):
        report(next(iter(REGISTRY.values()))(SOAP(species=["Si"])))
    with pytest.raises(TypeError, match="`source`"):
        report(Atoms(), species=["Cu"])
