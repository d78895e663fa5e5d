"""Potentials from files: what is known of them, and what a session does with them."""

from __future__ import annotations

import json
import runpy
import zipfile
from pathlib import Path

import numpy as np
import pytest
from molecules import molecules
from sessions import coarse_session, few_structures, fitted_session

from potscope.core.models import COMPOSED, REGISTRY, PotentialFileError
from potscope.core.models.files import notes_of, save
from potscope.explorer import views
from potscope.explorer.code import code
from potscope.explorer.opened import Opened, TrainedOn, parts_of
from potscope.explorer.session import Session
from potscope.explorer.views.potential import description

GOLDEN = Path(__file__).parents[1] / "core" / "golden"


@pytest.fixture(scope="module")
def fitted() -> Session:
    return fitted_session()


@pytest.fixture
def path(fitted, tmp_path):
    file = tmp_path / "mine.potscope"
    file.write_bytes(fitted.saved_model().read())
    return file


def wait(session: Session) -> Session:
    """Until it is read, and the data are predicted."""
    session.reading.wait()
    session.jobs.wait()
    return session


def opened_session(path, dataset=None) -> Session:
    session = coarse_session(dataset)
    session.opening.start(path)
    return wait(session)


# -- the round trip ---------------------------------------------------------------------------------------------------


def test_what_was_saved_gives_the_same_errors_of_the_same_structures(fitted, path):
    session = opened_session(path)
    fit, before = session.fit, fitted.fit
    assert session.opening.refused is None
    assert fit.label == "GAP mine"
    assert list(fit.train_indices) == list(before.train_indices)
    assert list(fit.test_indices) == list(before.test_indices)
    assert fit.sets == ("train", "test")
    for name in ("train_errors", "test_errors"):
        assert getattr(fit, name) == pytest.approx(getattr(before, name), rel=1e-9, nan_ok=True)
    np.testing.assert_allclose(fit.prediction.energies, before.prediction.energies, rtol=0, atol=1e-9)


def test_the_file_says_what_it_was_trained_on(fitted, path):
    found = Opened.read(path).trained_on
    train = fitted.dataset[fitted.fit.train_indices]
    assert (found.name, found.species, len(found.structures)) == ("silicon", ("Si",), len(train))
    assert dict(found.groups) == {group: list(train.groups).count(group) for group in train.group_sizes}
    assert found.seen(fitted.dataset).sum() == len(train)
    assert not found.seen(molecules(3)).any()
    again = opened_session(path)
    assert Opened.read(path).trained_on == TrainedOn.from_plain(json.loads(json.dumps(found.plain())))
    assert again.saved_model().read() == path.read_bytes()  # and what is saved again says so too


def test_a_file_that_says_nothing_of_its_training_is_opened_and_nothing_is_called_a_test(fitted, tmp_path):
    fitted.fit.model.save(tmp_path / "plain.potscope")
    assert notes_of(tmp_path / "plain.potscope") == {}
    session = opened_session(tmp_path / "plain.potscope")
    assert session.opening.opened.trained_on is None
    assert session.fit.sets == ("train", "all")
    assert session.fit.train_errors == {}
    assert len(session.fit.test_indices) == len(session.dataset)
    assert set(session.table()["set"]) == {"all"}
    parity, header, inspector = views.ParityView(session), views.HeaderView(session), views.InspectorView(session)
    for words in (parity.energy_words, parity.force_words, header.words, views.FitView(session).words):
        assert "all" in words.object
        assert "test" not in words.object
    assert "for testing" not in inspector.heading.object
    assert "does not say what it was trained on" in description(session.opening.opened)


def test_molecular_dynamics_runs_with_it(path):
    session = opened_session(path)
    session.dynamics.param.update(steps=4, every=2, repeats=1)
    session.start_dynamics()
    session.jobs.wait()
    assert [frame.step for frame in session.trajectory] == [0, 2, 4]


def test_a_fit_after_it_is_a_fit_and_it_can_be_taken_again(path):
    session = opened_session(path)
    view = views.PotentialView(session)
    assert not view.button.visible
    session.start_fit()
    session.jobs.wait()
    assert session.fit.label == "GAP #1"
    assert view.button.visible
    session.opening.use()
    session.jobs.wait()
    assert session.fit.label == "GAP mine"
    session.start_fit()
    session.jobs.wait()
    assert session.fit.label == "GAP #2"


def test_it_stays_for_other_data(path):
    session = opened_session(path)
    view = views.PotentialView(session)
    session.open(few_structures(2))
    session.jobs.wait()
    assert session.fit is None
    assert view.button.visible
    assert "GAP mine" in view.words.object
    session.opening.use()
    session.jobs.wait()
    assert len(session.fit.prediction.energies) == len(session.dataset)
    assert len(session.fit.train_indices) > 0  # the same structures are known again in another set


# -- what cannot be opened --------------------------------------------------------------------------------------------


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [(cut, "is damaged"), (lambda _: b"a poem", "is not a potscope potential"), (lambda _: b"", "is not a potscope")],
)
def test_a_file_that_is_damaged_or_foreign_is_explained_and_nothing_is_lost(fitted, path, change, words):
    session = fitted_session()
    view = views.PotentialView(session)
    before = session.fit
    path.write_bytes(change(path.read_bytes()))
    session.opening.start(path)
    wait(session)
    assert isinstance(session.opening.refused, PotentialFileError)
    assert view.problem.visible
    assert words in view.problem.object
    assert "mine.potscope" in view.problem.object
    assert session.fit is before
    assert session.jobs.error == session.reading.error == ""
    session.opening.start(GOLDEN / "none.potscope")
    wait(session)
    assert "there is no file" in view.problem.object


@pytest.mark.parametrize("notes", [{"trained_on": {"name": "x"}}, {"trained_on": 3}])
def test_notes_of_another_kind_are_refused(fitted, tmp_path, notes):
    file = save(fitted.fit.model, tmp_path / "odd.potscope", notes)
    with pytest.raises(PotentialFileError, match=r"odd\.potscope is damaged or incomplete"):
        Opened.read(file)


def test_notes_that_are_no_mapping_are_refused(path, tmp_path):
    with zipfile.ZipFile(path) as archive:
        header, arrays = json.loads(archive.read("model.json")), archive.read("arrays.npz")
    with zipfile.ZipFile(tmp_path / "odd.potscope", "w") as archive:
        archive.writestr("model.json", json.dumps({**header, "notes": [1]}))
        archive.writestr("arrays.npz", arrays)
    with pytest.raises(PotentialFileError, match="its notes are no mapping"):
        notes_of(tmp_path / "odd.potscope")
    with pytest.raises(FileNotFoundError, match="`path`"):
        notes_of(tmp_path / "none.potscope")


def test_elements_that_it_does_not_know_are_named_and_it_stays_open(path):
    session = coarse_session(molecules(4))
    view = views.PotentialView(session)
    session.opening.start(path)
    wait(session)
    assert session.fit is None
    assert "`structures`[0]" in view.problem.object
    assert "GAP mine" in view.words.object
    assert view.button.visible
    session.open(few_structures(1))
    assert not view.problem.visible
    session.opening.use()
    session.jobs.wait()
    assert session.fit is not None


def test_there_is_nothing_to_use_before_something_is_opened():
    with pytest.raises(ValueError, match="`opened`"):
        coarse_session().opening.use()


# -- what is said of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REGISTRY, *COMPOSED])
def test_every_kind_is_described_with_all_its_settings(name):
    opened = Opened.read(GOLDEN / f"{name}.potscope")
    words = description(opened)
    parts = list(parts_of(opened.model))
    assert parts[0] is opened.model
    for part in parts:
        for setting in part.hyperparameters():
            assert setting.replace("_", " ") in words
    if hasattr(opened.model, "descriptor"):
        assert opened.model.descriptor in parts


def test_a_potential_dropped_on_the_data_is_opened_too(path):
    session = coarse_session()
    view = views.DataView(session, [])
    view.upload.filename = ["mine.potscope"]
    view.upload.value = [path.read_bytes()]
    wait(session)
    assert session.refused is None
    assert session.fit.label == "GAP mine"


def test_an_uploaded_potential_is_opened(path):
    session = coarse_session()
    view = views.PotentialView(session)
    view.upload.filename = "mine.potscope"
    view.upload.value = path.read_bytes()
    wait(session)
    assert session.fit.label == "GAP mine"
    assert "from silicon" in view.words.object


# -- beside others ----------------------------------------------------------------------------------------------------


def test_it_is_compared_as_it_is(fitted, path):
    session = opened_session(path)
    comparing = session.comparing
    assert "GAP mine" in comparing.chosen
    comparing.chosen = ["GAP mine", "CompositionModel"]
    view = views.CompareView(session)
    assert "trained on 0 of the 6 test structures" in view.words.object
    comparing.start()
    session.jobs.wait()
    assert session.jobs.outcome == "done", session.jobs.details
    row = comparing.comparison["GAP mine"]
    assert row.errors["force_rmse"] == pytest.approx(fitted.fit.test_errors["force_rmse"])
    assert row.calibrations
    assert view.table.data["fit_seconds"][0] is None
    session.split_seed = 3
    assert "trained on 0 of" not in " ".join(comparing.cautions())


@pytest.mark.parametrize("what", ["fit", "compare"])
def test_the_code_reads_the_file(path, tmp_path, capsys, what):
    session = opened_session(path)
    session.sample = "silicon"
    session.comparing.chosen = ["GAP mine", "CompositionModel"]
    text = code(session, what)
    assert f"load({str(path)!r})" in text
    if what == "compare":
        assert "as_they_are=['GAP mine']" in text
        return
    (tmp_path / "program.py").write_text(text)
    capsys.readouterr()
    model = runpy.run_path(str(tmp_path / "program.py"))["model"]
    energies = model.predict(session.dataset).energies
    np.testing.assert_allclose(energies, session.fit.prediction.energies, rtol=0, atol=1e-9)
    assert "force_rmse" in capsys.readouterr().out
