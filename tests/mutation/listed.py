"""The lists of errors that change nothing anybody could see, each with its reason: equivalent/<module>.toml.

An entry has `where` (module and function), `line` (its text, not its number, so that it outlives changes
elsewhere), `changes` (as `make mutants` prints them) and `reason`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent")
Key = tuple[str, str, str]
"""Module and function, the line's text, the change."""


@dataclass
class Listed:
    reasons: dict[Key, str]
    met: set[Key] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path = EQUIVALENT) -> Listed:
        """Raises:
        ValueError: an entry has no reason, stands there twice, or is in another module's file.
        """
        reasons: dict[Key, str] = {}
        for file in sorted(folder.glob("*.toml")):
            for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("equivalent", []):
                for change in entry["changes"]:
                    key = (entry["where"], entry["line"], change)
                    if not entry["reason"].strip() or key in reasons or key[0].partition(".")[0] != file.stem:
                        what = " | ".join(key)
                        raise ValueError(
                            f"{file.name}: {what} has no reason, stands there twice or is no error of that "
                            "module"
                        )
                    reasons[key] = entry["reason"]
        return cls(reasons)

    def __contains__(self, key: Key) -> bool:
        if key in self.reasons:
            self.met.add(key)
        return key in self.reasons

    def stale(self, modules: set[str]) -> list[Key]:
        """Entries about these modules that no planted error matches any more."""
        return [key for key in self.reasons if key not in self.met and key[0].partition(".")[0] in modules]
