"""One judge per layer: what it says to one connection, and by which object and field."""
