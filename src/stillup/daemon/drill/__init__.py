"""Drills: an outage on purpose over your own routes, staged, measured, proposed and reminded of."""
