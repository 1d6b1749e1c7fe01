"""Deleting a sandbox. Standard library only, so that it works before anything is installed, and when an
installation is broken."""

from __future__ import annotations

import shutil

from sandbox.apiservers import ApiServers
from sandbox.home import Home


def clean(home: Home) -> bool:
    """Stops what runs and deletes everything that the sandbox keeps, and nothing else, wherever its home is.

    Returns whether there was anything.
    """
    if not home.root.is_dir():
        return False
    for server in ApiServers(home).every():
        server.wipe()
    for folder in (home.google, home.pulumi, home.address, home.clusters):
        if folder.is_dir():
            shutil.rmtree(folder)
    for name in ("operation.lock", "apiserver.lock"):
        (home.root / name).unlink(missing_ok=True)
    if not any(home.root.iterdir()):
        home.root.rmdir()
    return True
