"""Google's REST APIs on this machine: the second door to the stand-in cloud.

The tables of sandbox/google know what Google refuses, fills in and holds; here they are asked by the requests
that Google publishes, so that the real provider plugin, or any client of Google's, can be pointed at them.
See docs/adr/0026-google-over-rest.md.
"""

from sandbox.google_rest.server import GoogleRest

__all__ = ["GoogleRest"]
