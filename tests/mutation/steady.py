"""A pytest plugin: property tests try the same inputs every time, and no clock ends them."""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")
