"""Which fields of which objects are read, harmless for a written reason, or known with some values alone."""
