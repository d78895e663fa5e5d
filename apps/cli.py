"""The `potscope` command: opens the workbench in a browser."""

from __future__ import annotations

import argparse
import errno
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from potscope.core import Dataset
    from potscope.explorer.opened import Opened

DEFAULT_PORT = 5006
MOST_MESSAGE_BYTES = 600 * 1024**2
"""Files dropped into the page arrive through the websocket."""

QUANTITIES = ("energy", "forces", "stress", "group")
READ_OPTIONS = (*(f"{quantity}_key" for quantity in QUANTITIES), "units", "energies")
"""Options that go to `Dataset.read` by the same name."""

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (only compared with)


class Refused(Exception):
    """What was asked for cannot be done; the message is for the person who asked."""


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    arguments = argparse.ArgumentParser(
        prog="potscope", description="A workbench for machine-learning interatomic potentials, in the browser."
    )
    arguments.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="structures with energies and forces: extended XYZ, an ASE database, VASP's output, FitSNAP's JSON, "
        "n2p2's input.data, MD17's npz or anything else ASE reads, or a folder of them; several become one data set; "
        "without any, the bundled silicon",
    )
    for quantity in QUANTITIES:
        arguments.add_argument(
            f"--{quantity}-key",
            metavar="KEY",
            help=f"where the {quantity} is in the files, if it is not found by itself",
        )
    arguments.add_argument(
        "--units",
        help="of a file that doesn't tell: ev-angstrom or hartree-bohr of an input.data, kcal/mol, eV or hartree of an "
        "npz or of --energies",
    )
    arguments.add_argument(
        "--energies", metavar="FILE", help="energies of the structures: one a line, or a name and a number"
    )
    arguments.add_argument(
        "--potential", metavar="FILE", help="a saved potential (.potscope) to look at the structures with"
    )
    arguments.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to serve on (default: %(default)s)")
    arguments.add_argument(
        "--address", default="localhost", help="address to serve on (default: %(default)s, reachable from here alone)"
    )
    arguments.add_argument(
        "--show", action=argparse.BooleanOptionalAction, default=True, help="open a browser (default: yes)"
    )
    arguments.add_argument("--version", action="version", version=f"potscope {version('potscope')}")
    return arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the workbench until interrupted.

    Parameters
    ----------
    arguments
        Of the command line; those of the process without it.

    Returns
    -------
    int
        0, or 2 if the arguments cannot be followed.
    """
    asked = parser().parse_args(arguments)
    try:
        check_port(asked.address, asked.port)
        keys = {name: value for name in READ_OPTIONS if (value := getattr(asked, name)) is not None}
        dataset = read(asked.files, keys) if asked.files else None
        potential = None if asked.potential is None else read_potential(asked.potential)
    except Refused as refused:
        sys.stderr.write(f"potscope: error: {refused}\n")
        return 2
    serve(dataset, asked.files, keys, potential, asked.port, asked.address, asked.show)
    return 0


def check_port(address: str, port: int) -> None:
    """See that the port is free, before anything slow is done."""
    if not 0 <= port <= 65535:
        raise Refused(f"--port: expected 0 to 65535, got {port}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except socket.gaierror as error:
        raise Refused(f"--address: {address} is not an address of this machine ({error.strerror})") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(f"--port: {port} is in use; choose another, or 0 for any that is free") from None
        raise Refused(f"--address: cannot serve on {address}, port {port} ({error.strerror})") from None


def read(files: Sequence[str], keys: Mapping[str, str]) -> Dataset:
    """Read the files, or say in one line why they cannot be read."""
    from potscope.core import Dataset

    try:
        return Dataset.read(*files, **keys)
    except (OSError, ValueError, TypeError) as error:
        message = " ".join(str(error).split())
        for name in READ_OPTIONS:
            message = message.replace(f"`{name}`", f"--{name.replace('_', '-')}")
        named = any(Path(file).name in message for file in files)
        raise Refused(message if named else f"{', '.join(files)}: {message}") from None


def read_potential(file: str) -> Opened:
    """Read a saved potential, or say in one line why it cannot be read."""
    from potscope.explorer.opened import Opened

    try:
        return Opened.read(file)
    except (OSError, ValueError) as error:
        raise Refused(f"--potential: {' '.join(str(error).split())}") from None


def origins(address: str, port: int) -> list[str]:
    """Where pages may come from that talk to this server: its own addresses and no others."""
    hosts = {"localhost", "127.0.0.1"} if address in ("localhost", "127.0.0.1", *ANY_ADDRESS) else {address}
    if address in ANY_ADDRESS:
        name = socket.gethostname()
        hosts |= {name, socket.getfqdn()}
        hosts |= {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, family=socket.AF_INET)}
    return [f"{host}:{port}" for host in sorted(hosts)]


def serve(
    dataset: Dataset | None,
    files: Sequence[str],
    keys: Mapping[str, str],
    potential: Opened | None,
    port: int,
    address: str,
    show: bool,
) -> None:
    """Serve the workbench; returns when the server has been interrupted."""
    import panel as pn

    from potscope.apps.workbench import bundled_first, prepare, workbench

    opened = bundled_first() if dataset is None else dataset
    port = port or free_port(address)
    sys.stdout.write(f"potscope: {opened!r}\npotscope: http://{address}:{port}  (Ctrl-C to stop)\n")
    sys.stdout.flush()
    threading.Thread(target=prepare, args=(opened,), name="potscope first map", daemon=True).start()
    pn.serve(
        {"/": lambda: workbench(opened, files, keys, potential)},
        port=port,
        address=address,
        websocket_origin=origins(address, port),
        websocket_max_message_size=MOST_MESSAGE_BYTES,
        show=show,
        verbose=False,
        title="potscope",
    )


def free_port(address: str) -> int:
    """A port that is free now."""
    with socket.create_server((address, 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
