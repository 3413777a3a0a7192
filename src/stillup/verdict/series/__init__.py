"""Detectors of one plain series."""
