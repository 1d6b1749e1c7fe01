"""The cluster's DNS: answers questions of type A from a table, and says for everything else that there is no
such name.

Source: RFC 1035, sections 4.1 and 4.2.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence

from egress.layers.google.dns import PrivateZone, answering
from tests.mesh.netns import Namespace

_ADDRESS, _INTERNET = 1, 1
_NO_SUCH_NAME = 3
_TTL = 30
_OF_THE_CLUSTER = ".cluster.local"

Lookup = Callable[[str], tuple[str, ...]]
"""The addresses of a name, without the dot at its end; none: there is no such name."""


class Responder:
    """A name server on UDP port 53 of a namespace. `asked` holds every name it was asked for, in order, and
    `refused` those of them outside the cluster for which there was no answer."""

    def __init__(self, namespace: Namespace, lookup: Lookup) -> None:
        self.lookup = lookup
        self.asked: list[str] = []
        self.refused: list[str] = []
        self._socket = namespace.inside(_listen)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
            except OSError:
                return  # closed
            with contextlib.suppress(OSError, IndexError, struct.error, UnicodeDecodeError):
                self._socket.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        name, end = _name(question)
        kind, family = struct.unpack_from("!HH", question, end)
        self.asked.append(name)
        addresses = self.lookup(name)
        if not addresses and "." in name and not name.endswith(_OF_THE_CLUSTER):
            self.refused.append(name)
        records = addresses if (kind, family) == (_ADDRESS, _INTERNET) else ()
        # Response, recursion available; the client's own "recursion desired" bit is repeated.
        flags = 0x8080 | (question[2] & 1) << 8 | (0 if addresses else _NO_SUCH_NAME)
        head = question[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        body = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", _ADDRESS, _INTERNET, _TTL, 4) + socket.inet_aton(address)
            for address in records
        )
        return head + question[12 : end + 4] + body


def from_zones(zones: Sequence[PrivateZone], world: Lookup) -> Lookup:
    """A lookup as Cloud DNS does it: the zone that answers a name answers alone; without one, or through it,
    the world does."""

    def lookup(name: str) -> tuple[str, ...]:
        zone = answering(zones, name.lower())
        if zone is None or zone.resolved:
            return world(name)
        records = {record.name.removesuffix("."): record for record in zone.records}
        return from_table(
            {
                at: records[record.data[0].removesuffix(".")].data if record.type == "CNAME" else record.data
                for at, record in records.items()
            }
        )(name)

    return lookup


def first_of(*lookups: Lookup) -> Lookup:
    """The first answer that there is."""
    return lambda name: next((found for lookup in lookups if (found := lookup(name))), ())


def from_table(table: Mapping[str, tuple[str, ...]]) -> Lookup:
    """A lookup in a table, whose names may start with `*.`: the longest match answers, in either letter
    case."""

    def lookup(name: str) -> tuple[str, ...]:
        labels = name.lower().split(".")
        patterns = [".".join(labels), *("*." + ".".join(labels[start:]) for start in range(1, len(labels)))]
        return next((table[pattern] for pattern in patterns if pattern in table), ())

    return lookup


def _listen() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("0.0.0.0", 53))
    return made


def _name(question: bytes) -> tuple[str, int]:
    """The name that is asked for, and where it ends."""
    labels: list[str] = []
    position = 12
    while length := question[position]:
        labels.append(question[position + 1 : position + 1 + length].decode("ascii"))
        position += 1 + length
    return ".".join(labels), position + 1
