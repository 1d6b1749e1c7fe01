"""Where the config and the judges meet: what has to come of each flow and connection, and what does."""
