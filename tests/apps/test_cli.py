"""The command: what it refuses, and that it serves what it was asked to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from urllib.request import urlopen

import pytest
from plots_on_page import wait_for_plot
from sessions import few_structures

from potscope.apps.cli import Refused, check_port, free_port, main, origins, read
from potscope.core.models import CompositionModel

from scene import ink, wait_drawn

COMMAND = (sys.executable, "-m", "potscope.apps.cli")
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def serve_command():
    """`serve_command(*command)` starts a server and waits for it; its address. It is ended in the end.

    By SIGTERM: what a shell starts in the background ignores SIGINT, and so do its children.
    """
    started: list[subprocess.Popen[str]] = []

    def serve(*command: str, port: int) -> str:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        started.append(process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("localhost", port)) == 0:
                    return f"http://localhost:{port}"
            time.sleep(0.05)
        raise AssertionError(f"no server: {process.communicate()[0]}")

    serve.processes = started
    yield serve
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            process.stdout.close()


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_version():
    assert run("--version").stdout.strip() == f"potscope {version('potscope')}"


@pytest.mark.parametrize("content", ["", "no structure at all\n", "1\nno references\nSi 0 0 0\n"])
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path, capsys, content):
    path = tmp_path / "bad.xyz"
    path.write_text(content)
    assert main([str(path), "--port", "0"]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith("potscope: error: ")
    assert "bad.xyz" in out.err
    assert out.err.count("\n") == 1


def test_a_missing_file_is_named_before_anything_slow_is_done(tmp_path):
    start = time.monotonic()
    done = run(str(tmp_path / "none.xyz"), "--port", "0", "--no-show")
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert "none.xyz" in done.stderr
    assert time.monotonic() - start < 20


def test_a_port_in_use_is_refused(capsys):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--no-show"]) == 2
    assert f"--port: {port} is in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "port", "message"),
    [("localhost", 70_000, "--port: expected"), ("no.such.host.invalid", 0, "--address")],
)
def test_bad_places_are_refused(address, port, message):
    with pytest.raises(Refused, match=message):
        check_port(address, port)


def test_units_and_energies_go_to_the_reader(tmp_path):
    (tmp_path / "input.data").write_text("begin\natom 0 0 0 H 0 0 1 0 0\nenergy -1\nend\n")
    assert read([str(tmp_path / "input.data")], {"units": "ev-angstrom"}).energies.tolist() == [-1]
    (tmp_path / "a.xyz").write_text("1\nno references\nSi 0 0 0\n")
    (tmp_path / "e.txt").write_text("2\n")
    found = read([str(tmp_path / "a.xyz")], {"units": "eV", "energies": str(tmp_path / "e.txt")})
    assert found.energies.tolist() == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--units: expected 'ev-angstrom' or 'hartree-bohr'; without neighbouring atoms they can't be told"),
        (["--units", "kcal/mol"], "--units: input.data is read as input.data of n2p2 or RuNNer; expected one of"),
        (["--energies", "none.txt"], "--energies: no such file: none.txt"),
    ],
)
def test_units_that_are_needed_or_wrong(tmp_path, capsys, arguments, message):
    (tmp_path / "input.data").write_text("begin\natom 0 0 0 H 0 0 1 0 0\nenergy -1\nend\n")
    assert main([str(tmp_path / "input.data"), *arguments, "--port", "0"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"), [(None, "there is no file"), (b"PK poem", "is damaged"), (b"poem", "is not a potscope")]
)
def test_a_potential_that_cannot_be_read_is_one_line(tmp_path, capsys, content, message):
    path = tmp_path / "mine.potscope"
    if content is not None:
        path.write_bytes(content)
    assert main(["--potential", str(path), "--port", "0", "--no-show"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("potscope: error: --potential: ")
    assert message in error
    assert error.count("\n") == 1


def test_an_unknown_option_is_refused():
    with pytest.raises(SystemExit, match="2"):
        main(["--nonsense"])


def test_pages_may_come_from_the_server_itself_alone():
    assert origins("localhost", 5006) == ["127.0.0.1:5006", "localhost:5006"]
    assert origins("192.0.2.7", 80) == ["192.0.2.7:80"]
    assert f"{socket.gethostname()}:80" in origins("0.0.0.0", 80)  # noqa: S104
    assert not any("*" in origin for origin in origins("0.0.0.0", 80))  # noqa: S104


# -- serving ----------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_the_command_opens_a_file_and_stops_at_ctrl_c(serve_command, strict_page, tmp_path):
    path, port = tmp_path / "my structures.xyz", free_port("localhost")
    few_structures()[:8].write(path)
    address = serve_command(*COMMAND, str(path), "--port", str(port), "--no-show", port=port)
    strict_page.goto(address)
    wait_drawn(strict_page)
    wait_for_plot(strict_page, "principal component 1")
    strict_page.get_by_text("my structures.xyz").first.wait_for()
    strict_page.get_by_text("8 structures of Si").first.wait_for()
    assert 0.01 < ink(strict_page) < 0.9
    strict_page.goto("about:blank")
    process = serve_command.processes[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    output = process.stdout.read()
    assert "Traceback" not in output
    assert "8 structures of Si" in output


@pytest.mark.browser
def test_the_command_opens_a_potential(serve_command, strict_page, tmp_path):
    data, path, port = few_structures()[:4], tmp_path / "mine.potscope", free_port("localhost")
    data.write(tmp_path / "four.xyz")
    CompositionModel().fit(data).save(path)
    files = (str(tmp_path / "four.xyz"), "--potential", str(path))
    strict_page.goto(serve_command(*COMMAND, *files, "--port", str(port), "--no-show", port=port))
    wait_drawn(strict_page)
    strict_page.get_by_text("CompositionModel mine").first.wait_for(timeout=60_000)
    wait_for_plot(strict_page, "reference (eV/Å)")


@pytest.mark.browser
def test_panel_serve_shows_the_bundled_silicon(serve_command, strict_page):
    port = free_port("localhost")
    script = str(ROOT / "apps" / "workbench.py")
    address = serve_command(sys.executable, "-m", "panel", "serve", script, "--port", str(port), port=port)
    strict_page.goto(f"{address}/workbench")
    wait_drawn(strict_page)
    wait_for_plot(strict_page, "principal component 1")
    strict_page.get_by_text("silicon").first.wait_for()


def test_the_server_is_reachable_from_this_machine_alone(serve_command):
    port = free_port("localhost")
    serve_command(*COMMAND, "--port", str(port), "--no-show", port=port)
    with urlopen(f"http://localhost:{port}/") as page:
        assert page.status == 200
    own = [entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), port, family=socket.AF_INET)]
    for address in own:
        if not address.startswith("127."):
            with socket.socket() as probe:
                assert probe.connect_ex((address, port)) != 0
