"""What the rendered objects do to one flow, layer by layer: read from the objects alone, never from the
intent.

Nothing here imports what renders (egress/layers, egress/plan): a judge that shared code with a renderer would
share its errors.
"""
