"""Every refusal of a config has a code that stays, whatever becomes of its words.

refusals.json says which: code to the sentence (`{}` is what changes from case to case), and an example that
is refused with it. A refusal is told apart by its sentence, so the places that refuse stay as short as they
are; a sentence that is not in the file fails a test.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("refusals.json")
NONE = "EGR000"
"""Of a refusal that has no code yet; the tests find it."""
LEAST: dict[str, Any] = {
    "gcp:project": "my-project-id",
    "gke-mesh-egress:region": "europe-west1",
    "gke-mesh-egress:network": {
        "subnet": {"nodes": "10.0.0.0/24", "pods": "10.1.0.0/16", "services": "10.2.0.0/20"},
        "controlPlane": "10.5.0.0/28",
    },
}
"""The least that a stack needs; examples say what is there besides."""


@dataclass(frozen=True)
class Refusal:
    code: str
    text: str
    example: dict[str, Any] | None
    """Keys and values beside the least that a stack needs; null takes a key away."""
    file: str | None = None
    """A Pulumi.dev.yaml that is refused before it is a config."""
    project: str | None = None
    """The Pulumi.yaml beside it, where that matters."""
    state: str | None = None
    """In words, where no text of a file could show it."""

    @property
    def sentence(self) -> str:
        """The sentence with an ellipsis where the case stands."""
        return self.text.replace("{}", "…")


@cache
def known() -> dict[str, Refusal]:
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    examples = ("example", "file", "project", "state")
    return {
        code: Refusal(code, said["text"], *map(said.get, examples))
        for code, said in record.items()
        if said.get("text")
    }


def code_of(consequence: str) -> str:
    """The code of a refusal, by its sentence."""
    return next((code for code, form in _forms() if form.fullmatch(consequence)), NONE)


@cache
def _forms() -> list[tuple[str, re.Pattern[str]]]:
    # Where two fit, the one of which more is given.
    ordered = sorted(known().values(), key=lambda one: -len(one.text.replace("{}", "")))
    return [
        (one.code, re.compile(".*?".join(map(re.escape, one.text.split("{}"))), re.DOTALL)) for one in ordered
    ]


def config_of(refusal: Refusal) -> dict[str, Any]:
    """The whole config of an example."""
    both = {**LEAST, **(refusal.example or {})}
    return {key: value for key, value in both.items() if value is not None}
