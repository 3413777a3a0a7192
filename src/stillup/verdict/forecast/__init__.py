"""How long it will still take."""
