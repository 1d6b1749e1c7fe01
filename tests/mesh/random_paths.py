"""Random paths, made of everything that a proxy may not read literally."""

from __future__ import annotations

import random
from collections.abc import Iterator

PIECES = (
    *(
        "/",
        "/",
        "/",
        ".",
        "..",
        ";",
        "%",
        "2",
        "e",
        "f",
        "F",
        "0",
        "3",
        "?",
        "\\",
        '"',
        "{",
        "~",
        "a",
        "ok",
        "exact",
        "items",
        "lines",
    ),
    *(
        "..;",
        ".;",
        "%2e",
        "%2E",
        "%2f",
        "%2F",
        "%5c",
        "%25",
        "%32",
        "%66",
        "%3b",
        "..%3b",
        "%7e",
        "%41",
        "%00",
        "%20",
        "#",
        "\x7f",
        "é",
    ),
)
"""What paths are made of."""


def paths(count: int, seed: int) -> Iterator[str]:
    chosen = random.Random(seed)
    for _ in range(count):
        yield "/" + "".join(chosen.choice(PIECES) for _ in range(chosen.randint(0, 8)))
