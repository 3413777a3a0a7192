"""Values and enums of the domain, and nothing else: no I/O, no clock, no decisions."""
