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
from potscope.core.descriptors import SOAP, AverageSOAP, CoulombMatrix, SineMatrix
from potscope.core.hyperparameters import declared
from potscope.core.models import REGISTRY, CompositionModel, Delta, NotFitted, Potential, Repulsion
from potscope.core.physics import CHECKS, Meaningless, Report, Row, report, side_by_side, size_consistency
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
    assert 0.5 * jump < rows["Cu crosses the cutoff of Cu: force"].value <= jump * 1.001


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_every_family_has_a_report(cls) -> None:
    """The quick checks with all that is known of silicon; what the others of the same elements have is left out."""
    train, scans = silicon()
    potential = _fitted(cls, train)
    quick = ("size", "dimers", "equation of state", "cutoff", "paths", "degenerate structures")
    found = report(potential, reference=scans, checks=quick, degenerate=sample_data.load("degenerate-methane"))
    assert not [row for row in found.rows if row.error]
    seen = {row.check for row in found.rows}
    assert seen == {"size", "dimers", "equation of state"} | ({"cutoff"} if cls is not CompositionModel else set())
    rows = named(found)
    assert rows["two copies less twice one"].value == pytest.approx(0, abs=1e-6)
    assert rows["Si-Si: depth"].reference == pytest.approx(4.124, abs=1e-3)
    assert rows["diamond: bulk modulus"].reference == pytest.approx(86.3, abs=0.1)
    for row in found.rows:
        if row.quantity.endswith((": energy", ": force")):
            assert row.value < 1e-6


STRUCTURE_KERNELS = [cls for cls in REGISTRY.values() if cls.descriptor_scope == "structure"]


@pytest.mark.parametrize("cls", STRUCTURE_KERNELS)
def test_what_has_no_meaning_for_a_potential_is_said(cls) -> None:
    """Matrices with a row for each atom: of crystals, which have no twice as large cell, and of molecules."""
    train, scans = silicon()
    of_crystals = cls(SineMatrix(n_atoms_max=int(train.n_atoms.max()))).fit(train)
    checks = [check for check in CHECKS if check not in ("elastic constants", "energy conservation")]
    found = report(of_crystals, reference=scans, checks=checks, slabs={"(100)": (bulk("Si", cubic=True), 1.0)})
    why = {row.check: row.meaningless for row in found.rows if row.meaningless}
    assert set(why) == {"dimers", "vacancy", "surfaces", "phonons"}
    assert why["dimers"] == "Si-Si alone: SineMatrix is for structures periodic in 3 directions, not in 0"
    assert "depends on the choice of the cell" in why["surfaces"]
    rows = named(found)
    assert abs(rows["two copies less twice one"].value) > 1
    assert np.isnan(rows["fcc: above diamond"].value)
    assert np.isfinite(rows["jump of a force"].value)
    assert "| vacancy | no meaning here: SineMatrix depends" in str(found)
    with pytest.raises(Meaningless, match="has room for 8 atoms, and 16 are needed"):
        size_consistency(of_crystals, bulk("Si", cubic=True))

    molecules = sample_data.load("degenerate-methane")
    path = molecules[[s for s, group in enumerate(molecules.groups) if group == "path"][::6]]
    of_molecules = cls(CoulombMatrix(n_atoms_max=5)).fit(path)
    quick = ("size", "smoothness", "cutoff", "degenerate structures")
    found = report(of_molecules, molecule=path.structures[0], degenerate=molecules, checks=quick)
    assert [row.check for row in found.rows if row.meaningless] == ["size"]
    assert not any(row.error for row in found.rows)
    assert named(found)["difference, largest"].reference > 1


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
    assert len(found.rows) == 5
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


def test_reports_stand_side_by_side() -> None:
    one = Report(
        "one",
        (
            Row("dimers", "depth", 1.5, "eV", 2.0),
            Row("phonons", "", float("nan"), error="ValueError: no\ncrystal"),
            Row("cutoff", "force", 1e-9, "eV/Å", 0.0),
        ),
    )
    other = Report(
        "other",
        (
            Row("size", "excess", 0.5, "meV/atom"),
            Row("dimers", "depth", float("nan"), "eV", 2.0),
            Row("dimers", "length", 2.5, "Å"),
            Row("vacancy", "", float("nan"), meaningless="one | size"),
        ),
    )
    assert side_by_side([one, other]).splitlines() == [
        "| check | quantity | unit | reference | one | other |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        "| size | excess | meV/atom |  | – | 0.5 |",
        "| dimers | depth | eV | 2 | 1.5 | – |",
        "|  | length | Å |  | – | 2.5 |",
        "| cutoff | force | eV/Å | 0 | 1.00e-09 | – |",
        "",
        "- one, phonons: failed: ValueError: no crystal",
        "- other, vacancy: no meaning here: one ¦ size",
    ]
    for nothing in ([], [one, one]):
        with pytest.raises(ValueError, match="`reports`"):
            side_by_side(nothing)


def test_the_parts_of_a_sum_say_what_it_is_made_of() -> None:
    train, _ = silicon()
    both = Delta(Repulsion(), _fitted(next(iter(REGISTRY.values())), train)).fit(train)
    found = report(both, checks=["dimers", "cutoff"])
    assert not any(row.error for row in found.rows)
    assert named(found)["Si crosses the cutoff of Si: at"].value == 4.5
    assert named(found)["Si crosses the beginning of the cutoff of Si: at"].value == 3.5


def test_degenerate_structures_are_looked_at_where_the_elements_are_known() -> None:
    """The bundled set holds other molecules too."""
    pairs = sample_data.load("degenerate-methane")
    for species, wanted in ((["C", "H"], 4), (["C"], 0)):
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
