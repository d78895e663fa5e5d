"""Public sets are fetched, checked and kept: tested with a server on this machine."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from ase import units

from potscope import sample_data
from potscope.core.progress import Cancelled
from potscope.sample_data import fetching, public_sets
from potscope.sample_data.public_sets import PublicFile, PublicSet

from reference import reference_folder as reference_folder

KCAL = units.kcal / units.mol


class Server:
    """Serves bytes by path; counts requests, and breaks off in the middle of those in `interrupted`."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.interrupted: set[str] = set()
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                body = server.content.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if self.path in server.interrupted else body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, name="public sets", daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}{path}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Server()
    yield found
    found.stop()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POTSCOPE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def npz() -> bytes:
    """A small set in the form of rMD17."""
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    arrays = {"coords": rng.normal(size=(5, 9, 3)), "energies": np.arange(5.0), "forces": rng.normal(size=(5, 9, 3))}
    np.savez(file, nuclear_charges=np.array([6, 6, 8, 1, 1, 1, 1, 1, 1], dtype=np.uint8), **arrays)
    return file.getvalue()


@pytest.fixture
def register(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`register(content, known_hash)` makes a public set `small` of one file of the server's."""

    def registered(content: bytes, known_hash: str | None) -> None:
        server.content["/small.npz"] = content
        file = PublicFile("small.npz", server.url("/small.npz"), known_hash)
        small = PublicSet("small", "A few.", "CC0", "Nobody, 2020.", {"ethanol": (file,)}, ("small: few indeed",))
        monkeypatch.setitem(public_sets.PUBLIC_SETS, "small", small)

    return registered


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content).hexdigest()}"  # noqa: S324 - what figshare publishes


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- downloads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hash_of", [sha256, md5])
def test_good_download_is_kept(
    register: Callable[..., None], server: Server, cache: Path, hash_of: Callable[[bytes], str]
) -> None:
    content = npz()
    register(content, hash_of(content))
    dataset = sample_data.fetch("small")
    np.testing.assert_allclose(dataset.energies, np.arange(5) * KCAL)
    assert dataset.name == "small"
    assert dataset.notes[:2] == ("small: licence CC0; cite Nobody, 2020.", "small: few indeed")
    assert any("kcal/mol" in note for note in dataset.notes)
    assert not any("hash" in note for note in dataset.notes)
    assert (cache / "small" / "small.npz").read_bytes() == content
    assert files_in(cache) == ["small/small.npz"]
    assert server.requests == ["/small.npz"]


def test_second_call_needs_no_network(register: Callable[..., None], server: Server, cache: Path) -> None:
    register(npz(), sha256(npz()))
    first = sample_data.fetch("small")
    server.stop()
    assert sample_data.fetch("small").fingerprint == first.fingerprint


def test_wrong_hash_is_refused_and_nothing_is_kept(register: Callable[..., None], cache: Path) -> None:
    register(npz(), sha256(b"something else"))
    with pytest.raises(ValueError, match=r"small: http.*small\.npz is not the small\.npz that is meant.*not kept"):
        sample_data.fetch("small")
    assert files_in(cache) == []


def test_damaged_file_on_disk_is_replaced(register: Callable[..., None], cache: Path) -> None:
    register(npz(), sha256(npz()))
    (cache / "small").mkdir(parents=True)
    (cache / "small" / "small.npz").write_bytes(npz()[:100])
    assert len(sample_data.fetch("small")) == 5
    assert (cache / "small" / "small.npz").read_bytes() == npz()


def test_interrupted_download_leaves_nothing_and_can_be_repeated(
    register: Callable[..., None], server: Server, cache: Path
) -> None:
    register(npz(), None)
    server.interrupted.add("/small.npz")
    with pytest.raises(ConnectionError, match=r"small: small\.npz could not be downloaded from http"):
        sample_data.fetch("small")
    assert files_in(cache) == []
    server.interrupted.clear()
    assert len(sample_data.fetch("small")) == 5


def test_missing_on_the_server(register: Callable[..., None], server: Server, cache: Path) -> None:
    register(npz(), None)
    del server.content["/small.npz"]
    with pytest.raises(ConnectionError, match="404"):
        sample_data.fetch("small")
    assert files_in(cache) == []


def test_without_internet_the_error_says_what_to_do(register: Callable[..., None], server: Server, cache: Path) -> None:
    register(npz(), sha256(npz()))
    server.stop()
    with pytest.raises(ConnectionError) as caught:
        sample_data.fetch("small")
    message = str(caught.value)
    assert "Without internet, put the file at" in message
    assert str(cache / "small" / "small.npz") in message
    assert "POTSCOPE_DATA" in message
    assert files_in(cache) == []
    (cache / "small").mkdir(parents=True, exist_ok=True)
    (cache / "small" / "small.npz").write_bytes(npz())
    assert len(sample_data.fetch("small")) == 5


# -- files without a published hash -----------------------------------------------------------------------------------


def test_first_download_without_a_hash_is_trusted_and_recorded(
    register: Callable[..., None], server: Server, cache: Path
) -> None:
    register(npz(), None)
    first = sample_data.fetch("small")
    digest = hashlib.sha256(npz()).hexdigest()
    assert (cache / "small" / "small.npz.sha256").read_text() == f"{digest}  small.npz\n"
    (note,) = [note for note in first.notes if "no hash" in note]
    assert "the first download was trusted" in note
    assert digest[:12] in note
    server.stop()
    assert sample_data.fetch("small").notes == first.notes


def test_what_was_recorded_is_checked(register: Callable[..., None], server: Server, cache: Path) -> None:
    register(npz(), None)
    sample_data.fetch("small")
    (cache / "small" / "small.npz").unlink()
    server.content["/small.npz"] = npz() + b"changed"
    with pytest.raises(ValueError, match=r"is not the small\.npz that is meant"):
        sample_data.fetch("small")
    assert files_in(cache) == ["small/small.npz.sha256"]


# -- progress ---------------------------------------------------------------------------------------------------------


def test_progress(register: Callable[..., None], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "CHUNK", 512)
    register(npz(), None)
    seen: list[float] = []
    sample_data.fetch("small", progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert len(seen) > 5
    assert seen[-1] == 1


def test_cancelling_leaves_nothing(register: Callable[..., None], cache: Path) -> None:
    register(npz(), None)

    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        sample_data.fetch("small", progress=stop)
    assert files_in(cache) == []


# -- the sets ---------------------------------------------------------------------------------------------------------


def test_unknown_set_and_part() -> None:
    with pytest.raises(ValueError, match=r"`name`: expected one of 'md17', 'mlearn', 'qm7', 'rmd17', got 'qm0'"):
        sample_data.fetch("qm0")
    with pytest.raises(ValueError, match=r"`part`: expected one of 'ethanol', .*, got 'water'"):
        sample_data.fetch("rmd17", "water")


@pytest.mark.parametrize("found", sample_data.fetchable(), ids=lambda found: found.name)
def test_described(found: PublicSet) -> None:
    for text in (found.description, found.licence, found.citation):
        assert text.strip()
    assert "doi:10." in found.citation
    every = [file for files in found.parts.values() for file in files]
    assert every
    for file in every:
        assert re.fullmatch(r"https?://[^ ]+", file.url)
        assert re.fullmatch(r"[\w.-]+", file.name)
        if file.known_hash is not None:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.known_hash)
        else:
            assert file.name not in public_sets.MLEARN_HASHES
    # one name, one file
    assert len({file.name for file in every}) == len({file.url for file in every})


def test_default_parts() -> None:
    defaults = {found.name: next(iter(found.parts)) for found in sample_data.fetchable()}
    assert defaults == {"md17": "ethanol", "mlearn": "Si", "qm7": "molecules", "rmd17": "ethanol"}


def test_published_mlearn_file_has_the_hash_that_is_asked_of_it(
    reference_folder: Path, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real bytes, served from here under the name and the hash of the registry."""
    real = public_sets.MLEARN.parts["Si test"][0]
    server.content["/Si/test.json"] = (reference_folder / "mlearn" / "Si_test.json").read_bytes()
    served = PublicFile(real.name, server.url("/Si/test.json"), real.known_hash)
    monkeypatch.setitem(
        public_sets.PUBLIC_SETS, "mlearn",
        PublicSet("mlearn", "", public_sets.MLEARN.licence, public_sets.MLEARN.citation, {"Si test": (served,)}),
    )  # fmt: skip
    dataset = sample_data.fetch("mlearn", "Si test")
    assert len(dataset) == 25
    assert any("kbar" in note for note in dataset.notes)
    assert dataset.notes[0].startswith("mlearn: licence BSD-3-Clause; cite Y. Zuo")


def test_halves_of_a_set_are_told_apart_by_ids(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content.update({"/a": npz(), "/b": npz()})
    files = (PublicFile("training.npz", server.url("/a")), PublicFile("test.npz", server.url("/b")))
    two = PublicSet("two", "", "CC0", "Nobody.", {"both": files, "test": files[1:]})
    monkeypatch.setitem(public_sets.PUBLIC_SETS, "two", two)
    dataset = sample_data.fetch("two")
    assert [name.split(":")[0] for name in dataset.ids] == ["training"] * 5 + ["test"] * 5
    assert dataset.name == "two both"
    assert server.requests == ["/a", "/b"]
