"""The 3D view: its parameters without a browser, then what a person sees and does, in one."""

from __future__ import annotations

import numpy as np
import panel as pn
import pytest
from ase import Atoms
from ase.build import bulk, diamond111, molecule
from panel.tests.util import wait_until

from potscope.explorer.structure_view import REPRESENTATIONS, StructureView

from scene import (
    ask,
    atom_place,
    atom_positions,
    click_atom,
    colour_at_atom,
    ink,
    n_colours,
    pixels,
    wait_drawn,
    wait_for,
)

SIZE = {"width": 480, "height": 360}
RED_TO_BLUE = ["#ff0000", "#0000ff"]
DARK = (0x14, 0x17, 0x1C)


def rattled(n_frames: int = 1, stdev: float = 0.1) -> list[Atoms]:
    frames = [bulk("Si", cubic=True) for _ in range(n_frames)]
    for seed, frame in enumerate(frames):
        frame.rattle(stdev, seed=seed)
    return frames


# Parameters, no browser -----------------------------------------------------------------------------------------


def test_a_view_may_be_empty():
    assert StructureView().frames == ()
    assert StructureView(Atoms()).scene["problem"] == ""


def test_object_is_refused_before_it_is_stored():
    silicon = bulk("Si")
    view = StructureView(silicon)
    with pytest.raises(TypeError, match="`object`"):
        view.object = "Si"
    assert view.object is silicon


@pytest.mark.parametrize("repeat", [(2, 2), (0, 1, 1), (1.5, 1, 1), [2, 2, 2], 2])
def test_repeat_must_be_three_positive_whole_numbers(repeat):
    with pytest.raises(ValueError, match="`repeat` must be a tuple of three whole numbers"):
        StructureView(bulk("Si"), repeat=repeat)


def test_repeat_makes_a_new_scene():
    view = StructureView(bulk("Si"))
    view.repeat = (2, 2, 2)
    assert view.scene["repeat"] == [2, 2, 2]


@pytest.mark.parametrize("shape", [(7,), (8, 1), (2, 8), (3, 7)])
def test_scalars_of_another_shape_are_refused(shape):
    view = StructureView(rattled(3))
    with pytest.raises(ValueError, match=r"`scalars` must have shape \(8,\) or \(3, 8\), not"):
        view.color_by(np.zeros(shape))
    assert view.scalars is None


def test_colour_limits_are_the_extremes_unless_given():
    view = StructureView(rattled()[0])
    values = np.array([3.0, np.nan, 1, 2, 2, 2, 2, 2])
    view.color_by(values, "error", unit="eV/Å")
    assert (view.colouring["low"], view.colouring["high"]) == (1, 3)
    assert (view.colouring["name"], view.colouring["unit"]) == ("error", "eV/Å")
    view.color_by(values, clim=(0, 5), palette=RED_TO_BLUE)
    assert (view.colouring["low"], view.colouring["high"], view.colouring["palette"]) == (0, 5, RED_TO_BLUE)
    view.color_by(np.full(8, np.nan))
    assert (view.colouring["low"], view.colouring["high"]) == (0, 1)
    view.color_by(None)
    assert view.colouring == {}


def test_a_palette_is_of_hexadecimal_colours():
    view = StructureView(bulk("Si"))
    with pytest.raises(ValueError, match="`palette` must hold at least one colour as '#rrggbb'"):
        view.color_by([0, 1], palette=["red", "blue"])
    with pytest.raises(ValueError, match="`palette`"):
        view.color_by([0, 1], palette=[])


def test_a_new_structure_drops_what_belonged_to_the_old_one():
    view = StructureView(rattled(3), frame=2, selected=[4], scalars=np.arange(8.0))
    view.object = rattled()[0]
    assert (view.frame, view.selected, view.scalars, view.colouring) == (0, [], None, {})


def test_what_is_set_with_the_structure_stays():
    view = StructureView(rattled(3), frame=2, selected=[4])
    values = np.arange(8.0)
    view.param.update(object=rattled(5), frame=2, selected=[4], scalars=values)
    assert (view.frame, view.selected) == (2, [4])
    np.testing.assert_array_equal(view.colouring["values"], values)


@pytest.mark.parametrize("index", [8, -1])
def test_atoms_beyond_the_structure_cannot_be_selected(index):
    view = StructureView(rattled(3))
    with pytest.raises(ValueError, match="`selected` must hold atom indices from 0 to 7, not"):
        view.selected = [index]
    assert view.selected == []


# In a browser ---------------------------------------------------------------------------------------------------


def shown(page, serve_app, view: StructureView) -> StructureView:
    page.goto(serve_app(view))
    wait_drawn(page, view)
    return view


@pytest.mark.browser
def test_a_structure_is_drawn_and_shaded(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    assert 0.03 < ink(strict_page) < 0.9
    assert n_colours(strict_page) > 200
    wait_until(lambda: view.status == "drawn" and view.drawn == view.scene["id"], strict_page)


@pytest.mark.browser
@pytest.mark.parametrize("nothing", [None, Atoms()])
def test_an_empty_view_is_blank(strict_page, serve_app, nothing):
    """The negative control of the test above."""
    view = StructureView(nothing, **SIZE)
    strict_page.goto(serve_app(view))
    wait_until(lambda: view.status == "empty", strict_page, timeout=30_000)
    assert ink(strict_page) == 0


@pytest.mark.browser
def test_emptying_a_view_clears_it(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    view.object = None
    wait_until(lambda: view.status == "empty", strict_page)
    wait_until(lambda: ink(strict_page) == 0, strict_page)
    view.object = molecule("H2O")
    wait_drawn(strict_page, view)
    assert ink(strict_page) > 0.01


@pytest.mark.browser
def test_every_representation_draws_bonded_and_lone_atoms(strict_page, serve_app):
    atoms = bulk("Si", cubic=True) + Atoms("Ar", [(2.7, 2.7, 9)])
    view = shown(strict_page, serve_app, StructureView(atoms, show_cell=False, **SIZE))
    seen = []
    for representation in REPRESENTATIONS:
        view.representation = representation
        wait_for(strict_page, "stage.settings.representation === wanted", wanted=representation)
        assert has_ink_around_atom(strict_page, 0), f"{representation} shows no bonded atom"
        assert has_ink_around_atom(strict_page, 8), f"{representation} shows no lone atom"
        seen.append(pixels(strict_page).tobytes())
    assert len(set(seen)) == len(REPRESENTATIONS)


def has_ink_around_atom(page, drawn_index: int) -> bool:
    x, y = (round(q) for q in atom_place(page, drawn_index))
    box = page.locator(".sv-box").bounding_box()
    column, row = x - round(box["x"]), y - round(box["y"])
    return bool((pixels(page)[row - 5 : row + 6, column - 5 : column + 6] != 255).any())


@pytest.mark.browser
def test_every_kind_of_structure_is_drawn(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(molecule("CH3CH2OH"), **SIZE))
    kinds = {
        "one atom": Atoms("Cs"),
        "slab": diamond111("Si", (1, 1, 4), vacuum=5),
        "wire with one lattice vector": Atoms("C", cell=[2.5, 0, 0], pbc=[True, False, False]),
        "two atoms in one place": Atoms("C2", [(0, 0, 0)] * 2),
        "linear molecule": molecule("CO2"),
    }
    for kind, atoms in kinds.items():
        view.object = atoms
        wait_drawn(strict_page, view)
        assert ink(strict_page) > 0.005, f"{kind} is not visible"


@pytest.mark.browser
def test_elements_of_two_letters_are_known(strict_page, serve_app):
    symbols = ["Si", "Cl", "Ca", "Na", "C", "Hg"]
    shown(strict_page, serve_app, StructureView(Atoms(symbols, [(3.0 * k, 0, 0) for k in range(6)]), **SIZE))
    read = ask(strict_page, "return [0,1,2,3,4,5].map(i => stage.component.structure.getAtomProxy(i).element);")
    assert [element.capitalize() for element in read] == symbols


@pytest.mark.browser
def test_bonds_are_those_of_ethanol(strict_page, serve_app):
    atoms = molecule("CH3CH2OH")
    shown(strict_page, serve_app, StructureView(atoms, **SIZE))
    bonds = ask(
        strict_page,
        "const b = stage.component.structure.bondStore; return [b.count, [...b.atomIndex1], [...b.atomIndex2]];",
    )
    assert bonds[0] == 8
    by_atom = np.bincount(np.concatenate([bonds[1][:8], bonds[2][:8]]), minlength=9)
    valence = {"H": 1, "C": 4, "O": 2}
    assert by_atom.tolist() == [valence[symbol] for symbol in atoms.get_chemical_symbols()]


@pytest.mark.browser
def test_bonds_follow_the_frames(strict_page, serve_app):
    near, far = Atoms("H2", [(0, 0, 0), (0, 0, 0.74)]), Atoms("H2", [(0, 0, 0), (0, 0, 3.0)])
    view = shown(strict_page, serve_app, StructureView([near, far], **SIZE))
    count = "stage.component.structure.bondStore.count"
    assert ask(strict_page, f"return {count};") == 1
    view.frame = 1
    wait_for(strict_page, f"{count} === 0")
    view.frame = 0
    wait_for(strict_page, f"{count} === 1")


@pytest.mark.browser
def test_a_picked_atom_reaches_python(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(molecule("CH3CH2OH"), **SIZE))
    click_atom(strict_page, 2)
    wait_until(lambda: view.picked.get("index") == 2, strict_page)
    assert (view.picked["element"], view.picked["image"]) == ("O", [0, 0, 0])
    box = strict_page.locator(".sv-box").bounding_box()
    strict_page.mouse.click(box["x"] + 4, box["y"] + 4)
    wait_until(lambda: view.picked.get("index", 2) is None, strict_page)


@pytest.mark.browser
def test_a_picked_image_is_its_original(strict_page, serve_app):
    view = StructureView(Atoms("NaCl", [(0, 0, 0), (0, 0, 2.8)], cell=(5, 5, 9), pbc=True), repeat=(3, 1, 1), **SIZE)
    shown(strict_page, serve_app, view)
    click_atom(strict_page, 5)
    wait_until(lambda: view.picked.get("index") == 1, strict_page)
    assert (view.picked["element"], view.picked["image"]) == ("Cl", [2, 0, 0])


@pytest.mark.browser
def test_hovering_names_the_atom_and_its_value(strict_page, serve_app):
    view = StructureView(
        molecule("CH3CH2OH"), scalars=np.arange(9.0) / 8, scalar_name="charge", scalar_unit="e", **SIZE
    )
    shown(strict_page, serve_app, view)
    x, y = atom_place(strict_page, 2)
    strict_page.mouse.move(x - 3, y)
    strict_page.mouse.move(x, y)
    strict_page.locator(".sv-hover", has_text="O 2 · charge 0.25 e").wait_for()


@pytest.mark.browser
def test_colours_follow_the_values(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(molecule("CO2"), **SIZE))
    view.color_by([0.5, 0.0, 1.0], "error", palette=RED_TO_BLUE, clim=(0, 1), unit="eV/Å")
    strict_page.locator(".sv-legend", has_text="error (eV/Å)").wait_for()

    def is_recoloured() -> bool:
        (red_r, _, red_b), (blue_r, _, blue_b) = colour_at_atom(strict_page, 1), colour_at_atom(strict_page, 2)
        return red_r > 150 > red_b and blue_b > 150 > blue_r

    wait_until(is_recoloured, strict_page)
    view.color_by(None)
    strict_page.locator(".sv-legend", has_text="CO").wait_for()
    wait_until(lambda: colour_at_atom(strict_page, 2)[0] > 150, strict_page)  # oxygen is red again


@pytest.mark.browser
def test_values_change_along_a_trajectory(strict_page, serve_app):
    view = StructureView([molecule("CO2")] * 2, scalars=np.array([[0, 0, 0], [1, 1, 1.0]]), palette=RED_TO_BLUE, **SIZE)
    shown(strict_page, serve_app, view)
    assert colour_at_atom(strict_page, 0)[0] > 150
    view.frame = 1
    wait_until(lambda: colour_at_atom(strict_page, 0)[2] > 150, strict_page)


@pytest.mark.browser
def test_the_colour_bar_says_what_lies_beyond_it_and_what_is_missing(strict_page, serve_app):
    view = StructureView(molecule("CO2"), scalars=np.array([-1.0, np.nan, 9.0]), clim=(0, 5), **SIZE)
    shown(strict_page, serve_app, view)
    text = strict_page.locator(".sv-legend").inner_text().split()
    assert text == ["value", "≤", "0", "≥", "5", "no", "value"]


@pytest.mark.browser
def test_frames_move_atoms_without_parsing_again(strict_page, serve_app):
    frames = rattled(5)
    view = shown(strict_page, serve_app, StructureView(frames, **SIZE))
    before = pixels(strict_page)
    ask(strict_page, "stage.component.isTheFirst = true;")
    view.frame = 3
    wait_for(strict_page, "box.dataset.frame === '3'")
    np.testing.assert_allclose(atom_positions(strict_page), frames[3].positions, atol=1e-4)
    assert (pixels(strict_page) != before).any()
    assert ask(strict_page, "return stage.component.isTheFirst === true;")
    view.frame = 99  # beyond the last, the last
    wait_for(strict_page, "box.dataset.frame === '4'")


@pytest.mark.browser
def test_each_frame_has_its_own_cell(strict_page, serve_app):
    frames = [bulk("Si", a=5.4), bulk("Si", a=6.4)]
    view = shown(strict_page, serve_app, StructureView(frames, repeat=(2, 1, 1), **SIZE))
    first_cell = ask(strict_page, "return stage.cellKey;")
    view.frame = 1
    wait_for(strict_page, "stage.cellKey !== before", before=first_cell)
    np.testing.assert_allclose(atom_positions(strict_page), (frames[1] * (2, 1, 1)).positions, atol=1e-4)


@pytest.mark.browser
def test_a_rotated_triclinic_cell_and_its_images_agree(strict_page, serve_app):
    atoms = bulk("Cu")
    atoms.set_cell(atoms.cell.array + np.array([[0, 0, 0.2], [0.1, 0, 0], [0, 0.3, 0]]), scale_atoms=True)
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    shown(strict_page, serve_app, StructureView(atoms, repeat=(2, 3, 2), **SIZE))
    np.testing.assert_allclose(atom_positions(strict_page), (atoms * (2, 3, 2)).positions, atol=1e-4)
    drawn_cell = ask(strict_page, "return JSON.parse(stage.cellKey)[0];")
    np.testing.assert_allclose(drawn_cell, atoms.cell.array, atol=1e-5)


@pytest.mark.browser
def test_repeat_draws_more(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(bulk("Si"), keep_camera=True, **SIZE))
    alone = ink(strict_page)
    view.repeat = (2, 2, 2)
    wait_drawn(strict_page, view)
    assert len(atom_positions(strict_page)) == 16
    assert ink(strict_page) > 1.5 * alone


@pytest.mark.browser
def test_selected_atoms_are_highlighted(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    before = pixels(strict_page)
    view.selected = [0, 3]
    wait_until(lambda: (pixels(strict_page) != before).any(axis=-1).mean() > 0.002, strict_page)
    view.selected = []
    wait_until(lambda: (pixels(strict_page) == before).all(), strict_page)


@pytest.mark.browser
def test_dark_and_light_backgrounds(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], dark=True, caption="Si8", **SIZE))
    assert tuple(pixels(strict_page)[2, 2]) == DARK
    assert 0.02 < ink(strict_page, DARK) < 0.9
    view.dark = False
    wait_until(lambda: tuple(pixels(strict_page)[2, 2]) == (255, 255, 255), strict_page)
    view.bgcolor = "#103050"
    wait_until(lambda: tuple(pixels(strict_page)[2, 2]) == (0x10, 0x30, 0x50), strict_page)
    wait_for(strict_page, "box.classList.contains('on-dark')")  # the text follows the background, not `dark`


@pytest.mark.browser
def test_the_camera_stays_only_if_asked(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], keep_camera=True, **SIZE))
    orientation = "return stage.stage.viewerControls.getOrientation().elements;"
    ask(strict_page, "stage.stage.viewerControls.rotate([0, 0, 0.6, 0.8]);")
    turned = ask(strict_page, orientation)
    view.object = bulk("Ge", cubic=True)
    wait_drawn(strict_page, view)
    np.testing.assert_allclose(ask(strict_page, orientation), turned, atol=1e-6)
    view.param.update(object=bulk("C", cubic=True), keep_camera=False)
    wait_drawn(strict_page, view)
    assert not np.allclose(ask(strict_page, orientation), turned, atol=1e-3)


@pytest.mark.browser
def test_dragging_rotates_and_the_wheel_zooms(strict_page, serve_app):
    shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    orientation = "return stage.stage.viewerControls.getOrientation().elements;"
    start = ask(strict_page, orientation)
    box = strict_page.locator(".sv-box").bounding_box()
    x, y = box["x"] + 30, box["y"] + 60
    strict_page.mouse.move(x, y)
    strict_page.mouse.down()
    strict_page.mouse.move(x + 80, y + 30, steps=4)
    strict_page.mouse.up()
    wait_until(lambda: not np.allclose(ask(strict_page, orientation), start, atol=1e-2), strict_page)
    distance = "return stage.stage.viewer.cameraDistance;"
    far = ask(strict_page, distance)
    strict_page.mouse.wheel(0, -300)
    wait_until(lambda: abs(ask(strict_page, distance) - far) > 0.1, strict_page)


@pytest.mark.browser
def test_of_many_structures_set_fast_the_last_is_shown(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    for symbol in ("Ge", "C", "Cu", "Al", "Ag"):
        view.object = bulk(symbol, cubic=True)
    wait_drawn(strict_page, view)
    strict_page.wait_for_timeout(500)
    np.testing.assert_allclose(atom_positions(strict_page), view.object.positions, atol=1e-4)
    assert ask(strict_page, "return stage.stage.compList.length;") == 2  # the atoms and the cell, nothing left over
    wait_until(lambda: view.drawn == view.scene["id"], strict_page)


@pytest.mark.browser
def test_structure_and_colours_arrive_together(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(rattled()[0], **SIZE))
    view.param.update(object=molecule("CO2"), scalars=np.array([0, 0, 1.0]), palette=RED_TO_BLUE, caption="worst")
    wait_drawn(strict_page, view)
    assert colour_at_atom(strict_page, 2)[2] > 150
    assert strict_page.locator(".sv-caption").inner_text() == "worst"


@pytest.mark.browser
def test_too_many_atoms_are_explained_in_the_view(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(bulk("Si"), **SIZE))
    view.repeat = (100, 100, 10)
    strict_page.locator(".sv-message", has_text="200,000 atoms are too many").wait_for()
    wait_until(lambda: view.status.startswith("failed: 200,000 atoms"), strict_page)
    view.repeat = (1, 1, 1)
    wait_drawn(strict_page, view)
    assert not strict_page.locator(".sv-message").is_visible()


@pytest.mark.browser
def test_missing_webgl_is_explained_in_the_view(strict_page, serve_app):
    strict_page.add_init_script(
        "const original = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind.startsWith('webgl') ? null : original.call(this, kind, ...rest); };"
    )
    view = StructureView(bulk("Si"), **SIZE)
    strict_page.goto(serve_app(view))
    strict_page.locator(".sv-message", has_text="needs WebGL").wait_for()
    wait_until(lambda: view.status.startswith("failed: The 3D view needs WebGL"), strict_page)


@pytest.mark.browser
def test_ngl_comes_from_python_where_no_server_offers_it(strict_page, serve_app):
    view = StructureView(bulk("Si"), ngl_url="liveness", **SIZE)  # an address that answers, but with no JavaScript
    shown(strict_page, serve_app, view)
    assert ink(strict_page) > 0.01


@pytest.mark.browser
def test_a_lost_context_is_explained_and_a_click_mends_it(strict_page, serve_app):
    view = shown(strict_page, serve_app, StructureView(bulk("Si"), **SIZE))
    ask(strict_page, "stage.stage.viewer.renderer.forceContextLoss();")
    message = strict_page.locator(".sv-message", has_text="Click to draw it again")
    message.click()
    wait_until(lambda: view.status == "drawn" and ink(strict_page) > 0.01, strict_page)
    assert not message.is_visible()


@pytest.mark.browser
def test_views_come_and_go_without_errors(strict_page, serve_app):
    """More views one after another than a browser allows WebGL contexts at once."""
    column = pn.Column(StructureView(bulk("Si"), **SIZE))
    strict_page.goto(serve_app(column))
    wait_drawn(strict_page)
    for n in range(17):
        column[0] = view = StructureView(bulk("Ge" if n % 2 else "Si"), **SIZE)
        wait_drawn(strict_page, view)
    column.clear()
    wait_for(strict_page, "views.length === 0")
    strict_page.wait_for_timeout(300)


@pytest.mark.browser
def test_a_hidden_view_fits_once_it_is_seen(strict_page, serve_app):
    view = StructureView(rattled()[0], **SIZE)
    tabs = pn.Tabs(("first", pn.pane.Markdown("text")), ("second", view), **SIZE)
    strict_page.goto(serve_app(tabs))
    strict_page.get_by_text("second").click()
    wait_drawn(strict_page, view)
    wait_until(lambda: ink(strict_page) > 0.03, strict_page)
