"""Crowd reports in a cluster: any number of desks, one count."""
