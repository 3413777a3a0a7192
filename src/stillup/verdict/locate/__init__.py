"""Where an excess lies."""
