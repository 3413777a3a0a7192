"""The loopback world: a real HTTP server that speaks the sources' wire formats and plays scenarios. All simulated."""
