"""What the sandbox shows of the engine's progress."""

from __future__ import annotations

import io
from pathlib import Path

from sandbox.progress import Progress


def test_progress_keeps_what_changed_and_what_went_wrong() -> None:
    out = io.StringIO()
    progress = Progress(out, Path("/program"))
    for line in [
        "Updating (dev):",
        " +  pulumi:pulumi:Stack p-dev creating (0s)",
        "@ Updating....",
        " +  kubernetes:core/v1:Namespace a creating (0s)",
        " +  kubernetes:core/v1:Namespace a created (0.1s)",
        "    kubernetes:core/v1:Namespace same",
        " -- kubernetes:core/v1:Secret s deleted original (0.1s)",
        " +- kubernetes:core/v1:Secret s replaced (0.1s)",
        "Diagnostics:",
        "  kubernetes:core/v1:Namespace (b):",
        "    error: refused",
        "  pulumi:pulumi:Stack (p-dev):",
        "    error: update failed",
        "Resources:",
        "    2 unchanged",
    ]:
        progress.line(line)
    progress.end()
    assert out.getvalue().splitlines() == [
        "Updating (dev):",
        " +  kubernetes:core/v1:Namespace a created (0.1s)",
        " +- kubernetes:core/v1:Secret s replaced (0.1s)",
        "",
        "Diagnostics:",
        "  kubernetes:core/v1:Namespace (b):",
        "    error: refused",
        "",
        "Resources:",
        "    2 unchanged",
    ]
    assert progress.diagnosed
