"""Words that several answers use alike."""

from __future__ import annotations

VOID = "void: https passes everything"
"""In a table's cell, beside rules that hold nothing, because the same team may send the host TLS that nobody
opens."""
