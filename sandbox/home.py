"""Where one sandbox keeps everything it owns, so that deleting one folder deletes the sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """One sandbox's folder. Two homes are two sandboxes, which can run side by side."""

    root: Path

    @classmethod
    def from_env(cls) -> Home:
        """The home that `EGRESS_SANDBOX_HOME` names, else `.sandbox` in the checkout (ignored by git)."""
        named = os.environ.get("EGRESS_SANDBOX_HOME")
        return cls(Path(named).expanduser().resolve() if named else CHECKOUT / ".sandbox")

    @property
    def apiserver(self) -> Path:
        """Data, certificates, pid files, logs and kubeconfig of the API server and its etcd."""
        return self.root / "apiserver"

    @property
    def address(self) -> Path:
        """What is kept of an API server that was deleted with its cluster: port, certificates and token
        for the next one."""
        return self.root / "address"

    @property
    def clusters(self) -> Path:
        """A folder as this one for the API server of each further cluster."""
        return self.root / "clusters"

    @property
    def google(self) -> Path:
        """What exists in the stand-in for Google Cloud."""
        return self.root / "google"

    @property
    def pulumi(self) -> Path:
        """The engine's file backend, its own home and its copy of the project file."""
        return self.root / "pulumi"
