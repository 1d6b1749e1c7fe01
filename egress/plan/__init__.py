"""What is decided of a config before any object is rendered, and what the outputs say of it."""
