"""The words of judges, and the objects that they read: flows, verdicts, ranges, a whole state as it is handed
over."""
