"""A stack's config as typed settings, and the one way to load it."""

from egress.settings.load import load, load_file, load_stack, stack_schema
from egress.settings.root import Settings

__all__ = ["Settings", "load", "load_file", "load_stack", "stack_schema"]
