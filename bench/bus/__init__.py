"""The bus: appends a second, latencies, and how long it is away when parts of it die."""
