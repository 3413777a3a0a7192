"""A cluster on this machine: how fast it reacts, and what it bears."""
