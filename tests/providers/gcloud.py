"""A stand-in for gke-gcloud-auth-plugin: it prints the token that it was made with, as the plugin prints
Google's."""

from __future__ import annotations

import json
from pathlib import Path


def write_auth_plugin(folder: Path, token: str) -> None:
    """Put it into a folder that is on PATH; readable by its owner alone, as it holds a token."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    program = folder / "gke-gcloud-auth-plugin"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n", encoding="utf-8")
    program.chmod(0o700)
