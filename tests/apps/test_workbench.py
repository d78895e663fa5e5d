"""What a person does at the workbench, one test each, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from ase.io import write
from panel.tests.util import wait_until
from plots_on_page import click_in_plot, colours_of_plot, wait_for_plot
from sessions import coarse, few_structures, fitted_session

from potscope.apps.workbench import new_session, open_page
from potscope.explorer import style
from potscope.explorer.code import code
from potscope.explorer.session import DYNAMICS_JOB, FIT_JOB, MONTE_CARLO_JOB, Session

from scene import atom_positions, ink, n_colours, pixels, wait_drawn, wait_for

pytestmark = pytest.mark.browser

MAP, ENERGY, FORCE, TIME = "principal component 1", "reference (eV/atom)", "reference (eV/Å)", "time (fs)"
SWEEP = "sweep"
BARS = "neighbours, by their distance (Å)"
COST, CONFIDENCE, DEVIATION = "step with forces (µs/atom)", "confidence", "predicted ± (meV/atom)"
WIDE = {"width": 1440, "height": 900}
PATIENCE = 60_000  # ms
POTENTIAL_INPUT = "input[type=file][accept='.potscope']"
DATA_INPUT = "input[type=file]:not([accept='.potscope'])"


class Workbench:
    """A workbench on a page, and the session behind it."""

    def __init__(self, page: Any, session: Session) -> None:
        self.page, self.session = page, session

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def says(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=PATIENCE)

    def wait(self, condition: Callable[[], bool]) -> None:
        wait_until(condition, self.page, timeout=PATIENCE)

    def wait_shown(self, index: int) -> None:
        """Wait until a structure of the dataset is what the 3D view has drawn."""
        wanted = self.session.dataset.structures[index].positions
        self.wait(lambda: len(atom_positions(self.page)) >= len(wanted))
        self.wait(lambda: np.allclose(atom_positions(self.page)[: len(wanted)], wanted, atol=1e-4))


def wait_usable(page: Any) -> None:
    """Wait until structure and map are drawn, and the page takes clicks."""
    wait_drawn(page, timeout=PATIENCE / 1000)
    wait_for_plot(page, MAP, timeout=PATIENCE / 1000)
    page.wait_for_function("getComputedStyle(document.getElementById('loader')).display === 'none'", timeout=PATIENCE)


@pytest.fixture
def open_workbench(strict_page: Any, serve_app: Callable[..., str]) -> Iterator[Callable[..., Workbench]]:
    """`open_workbench()` serves one and waits until map and structure are drawn."""

    sessions: list[Session] = []

    def open_one(fit: bool = False) -> Workbench:
        fitted = fitted_session(few_structures()).fit if fit else None

        def app() -> Any:
            session = coarse(new_session(few_structures()))
            session.fit = fitted
            sessions.append(session)
            return open_page(session)

        strict_page.set_viewport_size(WIDE)
        strict_page.goto(serve_app(app))
        wait_usable(strict_page)
        return Workbench(strict_page, sessions[-1])

    yield open_one
    for session in sessions:
        session.close()  # what still runs would write to a page that is gone
    strict_page.wait_for_timeout(300)


@contextmanager
def held_at_the_second_structure(model: type) -> Iterator[None]:
    """A real fit that stays where it is until the block ends, or it is cancelled, however fast the machine."""
    go_on = threading.Event()
    plain = model.fit

    def fit(self: Any, train: Any, progress: Callable[[float, str], None]) -> Any:
        def watched(fraction: float, message: str) -> None:
            progress(fraction, message)
            while "structure 2 of" in message and not go_on.wait(0.05):
                progress(fraction, message)

        return plain(self, train, progress=watched)

    model.fit = fit
    try:
        yield
    finally:
        go_on.set()
        model.fit = plain


def test_it_opens_with_a_map_and_a_structure(open_workbench):
    bench = open_workbench()
    bench.says(bench.session.dataset.ids[0])
    bench.says("24 structures of Si")
    assert 0.01 < ink(bench.page) < 0.9
    assert n_colours(bench.page) > 200
    assert bench.button("Fit potential").is_enabled()


def test_a_click_on_the_map_shows_the_crystal(open_workbench):
    bench = open_workbench()
    xy_sc = bench.session.structure_map.xy_sc
    index = int(np.argmax(xy_sc[:, 0]))
    click_in_plot(bench.page, MAP, *map(float, xy_sc[index]))
    bench.wait(lambda: bench.session.selected != 0)
    assert np.allclose(xy_sc[bench.session.selected], xy_sc[index], atol=0.02)
    bench.wait_shown(bench.session.selected)
    bench.says(bench.session.dataset.ids[bench.session.selected])
    assert 0.01 < ink(bench.page) < 0.9


def test_fit_shows_its_progress_and_then_the_parity(open_workbench):
    bench = open_workbench()
    fractions: list[float] = []
    bench.session.jobs.param.watch(lambda event: fractions.append(event.new), "fraction")
    with held_at_the_second_structure(bench.session.model.chosen):
        bench.button("Fit potential").click()
        bench.says("structure 2 of 18")
        bench.wait(lambda: any(0.1 < fraction < 1 for fraction in fractions))
    wait_for_plot(bench.page, FORCE)
    bench.wait(lambda: bench.session.fit is not None)
    bench.says("GAP #1")
    bench.says("MAE / RMSE, meV/atom")


def test_a_fit_can_be_cancelled_and_tried_again(open_workbench):
    bench = open_workbench()
    with held_at_the_second_structure(bench.session.model.chosen):
        bench.button("Fit potential").click()
        bench.wait(lambda: bench.session.jobs.title == FIT_JOB)
        bench.button("Cancel").first.click()
        bench.wait(lambda: bench.session.jobs.outcome == "cancelled")
    bench.button("Fit potential").wait_for()
    assert bench.session.fit is None
    bench.button("Fit potential").click()
    bench.wait(lambda: bench.session.fit is not None)


def test_a_failed_fit_says_what_went_wrong_and_the_next_one_works(open_workbench, server_errors, monkeypatch):
    bench = open_workbench()
    model = bench.session.model.chosen
    with monkeypatch.context() as patched:

        def fail(*_: Any, **__: Any) -> None:
            raise ValueError("the kernel is singular")

        patched.setattr(model, "fit", fail)
        bench.button("Fit potential").click()
        bench.says("Fit failed: the kernel is singular")
    assert any("the kernel is singular" in message for message in server_errors)
    server_errors.clear()
    bench.button("Fit potential").click()
    bench.wait(lambda: bench.session.fit is not None)


def test_a_click_on_the_worst_force_shows_it_coloured_by_its_error(open_workbench):
    bench = open_workbench(fit=True)
    bench.open_tab("Parity")
    wait_for_plot(bench.page, FORCE)
    reference_p, predicted_p, structure_p, atom_p = bench.session.fit.force_components()
    # the worst of those that have no other force so near that the click could mean it
    for p in np.argsort(-np.abs(predicted_p - reference_p)):
        others = np.hypot(reference_p - reference_p[p], predicted_p - predicted_p[p])
        others[(structure_p == structure_p[p]) & (atom_p == atom_p[p])] = np.inf
        if structure_p[p] != 0 and others.min() > 0.1:
            break
    click_in_plot(bench.page, FORCE, float(reference_p[p]), float(predicted_p[p]))
    bench.wait(lambda: bench.session.selected == structure_p[p])
    assert bench.session.selected_atom == atom_p[p]
    assert bench.session.colour_by == "force error"
    bench.wait_shown(bench.session.selected)
    bench.says("force error (eV/Å)")
    bench.says(f"atom {atom_p[p]}")


def test_the_button_for_the_worst_colours_the_atoms(open_workbench):
    bench = open_workbench(fit=True)
    before = pixels(bench.page)
    bench.button("Worst").click()
    bench.wait(lambda: bench.session.selected == bench.session.worst())
    bench.wait_shown(bench.session.selected)
    bench.says("force error (eV/Å)")
    bench.wait(lambda: pixels(bench.page).shape != before.shape or bool((pixels(bench.page) != before).any()))


def test_dynamics_runs_and_plays(open_workbench):
    bench = open_workbench(fit=True)
    bench.session.dynamics.param.update(steps=40, every=2, repeats=1)
    bench.session.select(4)
    start = bench.session.atoms.positions
    bench.open_tab("Simulation")
    bench.button("Run").click()
    bench.wait(lambda: len(bench.session.trajectory) == 21 and bench.session.jobs.last_title == DYNAMICS_JOB)
    bench.wait(lambda: atom_positions(bench.page).shape == start.shape)
    bench.wait(lambda: np.allclose(atom_positions(bench.page), bench.session.trajectory[-1].atoms.positions, atol=1e-4))
    wait_for_plot(bench.page, TIME)
    seen = set()
    bench.button("Play").click()
    for _ in range(40):
        seen.add(atom_positions(bench.page).tobytes())
        bench.page.wait_for_timeout(50)
    bench.button("Pause").click()
    assert len(seen) > 5
    bench.says("Temperature")
    bench.page.wait_for_timeout(1000)  # until Python has heard of the last frame


def test_a_monte_carlo_walk_runs_and_plays(open_workbench):
    bench = open_workbench(fit=True)
    bench.session.select(4)
    bench.open_tab("Simulation")
    bench.button("Monte Carlo").click()
    for label, number in (("sweeps", 8), ("equilibration", 2)):
        control = bench.page.get_by_label(label, exact=True)
        control.fill(str(number))
        control.press("Tab")
    bench.wait(lambda: bench.session.monte_carlo.arguments(bench.session.atoms)["sweeps"] == 8)
    bench.wait(lambda: bench.session.monte_carlo.equilibration == 2)
    bench.button("Run").click()
    bench.wait(lambda: len(bench.session.trajectory) == 11 and bench.session.jobs.last_title == MONTE_CARLO_JOB)
    wait_for_plot(bench.page, SWEEP)
    bench.page.get_by_text("Accepted", exact=True).wait_for(timeout=PATIENCE)
    bench.says("Monte Carlo with GAP #1")
    bench.wait(lambda: np.allclose(atom_positions(bench.page), bench.session.trajectory[-1].atoms.positions, atol=1e-4))
    bench.button("First frame").click()
    bench.wait(lambda: np.allclose(atom_positions(bench.page), bench.session.trajectory[0].atoms.positions, atol=1e-4))
    bench.wait(lambda: bench.session.frame == 0)
    bench.session.monte_carlo.sweeps = 100_000
    bench.button("Run").click()
    bench.wait(lambda: len(bench.session.trajectory) > 3 and bench.session.jobs.title == MONTE_CARLO_JOB)
    bench.button("Cancel").first.click()
    bench.wait(lambda: bench.session.jobs.outcome == "cancelled")
    bench.button("Run").wait_for()


def test_a_model_is_fitted_on_top_of_a_repulsive_core(open_workbench):
    bench = open_workbench()
    choose(bench, "Stands on", "Repulsion of nuclei (ZBL)")
    bench.wait(lambda: bench.session.base.choice == "Repulsion")
    bench.page.get_by_label("outer (Å)", exact=True).wait_for(timeout=PATIENCE)
    bench.button("Fit potential").click()
    bench.wait(lambda: bench.session.fit is not None)
    bench.says("GAP on Repulsion #1")


def test_dynamics_can_be_cancelled(open_workbench):
    bench = open_workbench(fit=True)
    bench.session.dynamics.param.update(steps=100_000, every=1, repeats=1)
    bench.open_tab("Simulation")
    bench.button("Run").click()
    bench.wait(lambda: len(bench.session.trajectory) > 3)
    bench.button("Cancel").first.click()
    bench.wait(lambda: bench.session.jobs.outcome == "cancelled")
    bench.button("Run").wait_for()
    assert len(bench.session.trajectory) > 3


def test_the_theme_reaches_page_plots_and_scene(open_workbench):
    bench = open_workbench()
    light = colours_of_plot(bench.page, MAP)
    assert light["background"] == style.LIGHT["surface"]
    bench.page.get_by_label("Toggle theme").click()
    bench.wait(lambda: colours_of_plot(bench.page, MAP)["background"] == style.DARK["surface"])
    assert colours_of_plot(bench.page, MAP)["text"] != light["text"]
    dark = tuple(int(style.DARK["scene"][i : i + 2], 16) for i in (1, 3, 5))
    bench.wait(lambda: np.abs(pixels(bench.page)[2, 2, :3].astype(int) - dark).max() < 3)
    assert 0.01 < ink(bench.page, background=dark) < 0.9


def test_a_line_of_the_table_is_shown(open_workbench):
    bench = open_workbench(fit=True)
    bench.open_tab("Table")
    worst = int(np.argmax(bench.session.fit.max_force_error_s))
    first = bench.page.locator(".body .line").first
    first.wait_for()
    assert first.get_attribute("data-index") == str(worst)
    bench.page.get_by_role("button", name="structure").click()
    by_name = min(range(len(bench.session.dataset)), key=lambda index: bench.session.dataset.ids[index])
    bench.page.locator(f".body .line[data-index='{by_name}']").click()
    bench.wait(lambda: bench.session.selected == by_name)
    bench.wait_shown(by_name)


def test_a_dropped_file_becomes_the_data(open_workbench, tmp_path):
    bench = open_workbench()
    path = tmp_path / "own.xyz"
    few_structures()[[3, 7, 11]].write(path)
    bench.page.locator(DATA_INPUT).set_input_files(path)
    bench.wait(lambda: len(bench.session.dataset) == 3)
    bench.says("3 structures of Si")
    bench.wait_shown(0)
    bench.wait(lambda: bench.session.structure_map is not None)


def test_the_references_of_a_file_are_named_on_the_page(open_workbench, tmp_path):
    bench = open_workbench()
    path = tmp_path / "own.xyz"
    structures = few_structures()[[3, 7, 11]].to_structures()
    for atoms in structures:
        atoms.info = {"my_number": atoms.info["REF_energy"]}
        del atoms.arrays["REF_forces"]
    write(path, structures, format="extxyz")
    bench.page.locator(DATA_INPUT).set_input_files(path)
    bench.says("no reference energies or forces were recognised")
    bench.page.get_by_label("energy from").click()
    bench.page.get_by_text("my_number", exact=True).click()
    bench.wait(lambda: len(bench.session.dataset) == 3)
    assert bench.session.dataset.energies[0] == structures[0].info["my_number"]
    bench.says("3 structures of Si")


def test_neighbours_have_the_colours_of_their_bars_and_a_click_marks_one(open_workbench):
    bench = open_workbench()
    bench.session.select(5, atom=1)
    bench.open_tab("Neighbours")
    wait_for_plot(bench.page, BARS)
    bench.wait(lambda: bench.session.environment.explained is not None)
    n_neighbours = len(bench.session.environment.explained.explanation.D_jc)
    bench.wait(lambda: len(atom_positions(bench.page)) == n_neighbours + 1)
    bench.says("contribution")
    first = int(np.linalg.norm(bench.session.environment.explained.explanation.D_jc, axis=1).argmin())
    click_in_plot(bench.page, BARS, 0.0, bench.session.environment.shares().neighbours_j[first] / 2)
    bench.wait(lambda: bench.session.environment.neighbour == first)
    bench.button("Go to this neighbour").wait_for()


def test_an_archive_of_arrays_becomes_the_data(open_workbench, tmp_path):
    bench = open_workbench()
    path = tmp_path / "md.npz"
    rng = np.random.default_rng(0)
    water = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    np.savez(path, z=[8, 1, 1], R=water + 0.02 * rng.normal(size=(5, 3, 3)), E=np.arange(5.0), F=np.zeros((5, 3, 3)))
    bench.page.locator(DATA_INPUT).set_input_files(path)
    bench.wait(lambda: len(bench.session.dataset) == 5)
    assert bench.session.dataset.species == ("H", "O")
    bench.says("5 structures of H O")


def test_a_bad_file_is_explained(open_workbench, tmp_path):
    bench = open_workbench()
    path = tmp_path / "bad.xyz"
    path.write_text("this is no structure\n")
    bench.page.locator(DATA_INPUT).set_input_files(path)
    bench.says("bad.xyz")
    assert len(bench.session.dataset) == 24
    assert bench.button("Fit potential").is_enabled()


def test_a_saved_potential_is_opened_again_with_the_same_errors(open_workbench, tmp_path):
    bench = open_workbench(fit=True)
    bench.open_tab("Parity")
    errors = bench.page.locator(".chips").filter(has_text="MAE / RMSE, meV/atom")
    errors.wait_for()
    before = errors.inner_text()
    bench.open_tab("Fit")
    with bench.page.expect_download(timeout=60_000) as saving:
        bench.button("Save the potential").click()
    path = tmp_path / saving.value.suggested_filename
    saving.value.save_as(path)
    bench.page.locator(POTENTIAL_INPUT).set_input_files(path)
    bench.wait(lambda: bench.session.fit.source is not None)
    bench.says("GAP silicon-gap-1")
    bench.says("Trained on 18 structures of Si from silicon")
    bench.page.get_by_role("tab", name="Parity", selected=True).wait_for(timeout=PATIENCE)
    wait_for_plot(bench.page, FORCE)
    assert errors.inner_text() == before
    path.write_bytes(path.read_bytes()[:500])
    bench.page.locator(POTENTIAL_INPUT).set_input_files(path)
    bench.says("silicon-gap-1.potscope is damaged")
    assert bench.session.fit.label == "GAP silicon-gap-1"


def choose(bench: Workbench, label: str, title: str) -> None:
    """Choose from a menu."""
    bench.page.get_by_label(label, exact=True).first.click()
    bench.page.locator(".MuiMenu-list").get_by_text(title, exact=True).click()


def test_the_map_is_drawn_with_another_kernel_between_structures(open_workbench):
    bench = open_workbench()
    before = bench.session.structure_map
    bench.button("by SOAP").click()
    choose(bench, "Kernel between structures", "Best match")
    bench.button("Draw").click()
    bench.wait(lambda: bench.session.structure_map is not before)
    assert type(bench.session.structure_map.kernel).__name__ == "BestMatchKernel"
    bench.button("by SOAP, Best match").wait_for()


def test_a_weight_of_a_group_is_typed_and_fitted_with(open_workbench):
    bench = open_workbench()
    choose(bench, "Model", "Linear potential (SNAP)")
    bench.button("Settings of groups").click()
    weight = bench.page.get_by_label("energy weight (atom/eV), liquid")
    weight.fill("7")
    weight.press("Enter")
    bench.wait(lambda: bench.session.groups.values == {"liquid": {"energy": 7.0}})
    bench.button("Hide the settings of groups (1 set)").wait_for()
    bench.button("Fit potential").click()
    bench.wait(lambda: bench.session.fit is not None)
    assert bench.session.fit.model.groups_["liquid"].energy == 7.0


def test_potentials_are_compared(open_workbench):
    bench = open_workbench()
    bench.open_tab("Compare")
    bench.page.get_by_label("CompositionModel").check()
    bench.wait(lambda: "CompositionModel" in bench.session.comparing.chosen)
    bench.button("Compare").click()
    bench.wait(lambda: bench.session.comparing.comparison is not None)
    wait_for_plot(bench.page, COST)
    for name in ("GAP", "SNAP", "CompositionModel"):
        bench.page.locator(".body .line").get_by_text(name, exact=True).wait_for()
    bench.button("reliability").click()
    wait_for_plot(bench.page, CONFIDENCE)
    bench.button("Save as JSON").wait_for()


def test_errors_are_held_against_their_uncertainty_and_atoms_have_its_colours(open_workbench):
    bench = open_workbench(fit=True)
    bench.open_tab("Parity")
    bench.button("error and ±").click()
    wait_for_plot(bench.page, DEVIATION)
    fit = bench.session.fit
    std_s, error_s = 1000 * fit.energy_std_s, 1000 * np.abs(fit.energy_error_s)
    index = int(np.argmax(error_s))
    click_in_plot(bench.page, DEVIATION, float(std_s[index]), float(error_s[index]))
    bench.wait(lambda: bench.session.selected == index)
    bench.wait_shown(index)
    choose(bench, "atoms coloured by", "force ±")
    bench.wait(lambda: bench.session.of_atoms is not None)
    bench.says("force ± (eV/Å)")


def test_the_code_is_shown(open_workbench):
    bench = open_workbench()
    bench.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bench.button("Show code").first.click()
    bench.says("The same in Python")
    bench.button("Copy").click()
    copied = "navigator.clipboard.readText()"
    bench.wait(lambda: bench.page.evaluate(copied) == code(bench.session, "map"))


def test_two_sessions_do_not_disturb_each_other(open_workbench, browser):
    first = open_workbench()
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(first.page.url)
    wait_usable(page)
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_text(first.session.dataset.ids[1], exact=True).first.wait_for()
    assert first.session.selected == 0
    page.get_by_role("button", name="Fit potential").click()
    first.button("Fit potential").click()
    wait_for_plot(page, FORCE)
    wait_for_plot(first.page, FORCE)
    context.close()
    assert first.session.fit.label == "GAP #1"


@pytest.mark.parametrize("size", [(1000, 800), (1440, 900), (1920, 1080)])
def test_the_page_uses_its_window(open_workbench, size):
    """Nothing stands out of the page, and the 3D view and the map have a good part of it."""
    bench = open_workbench()
    width, height = size
    bench.page.set_viewport_size({"width": width, "height": height})
    bench.page.wait_for_timeout(500)
    wide = bench.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    for area, share in ((".map", 0.15), (".inspector", 0.15), (".work", 0.2)):
        box = bench.page.locator(area).first.bounding_box()
        assert box["width"] * box["height"] > share * width * height, area
        assert box["x"] + box["width"] <= width
    wait_for(bench.page, "box.getBoundingClientRect().width > 250")
