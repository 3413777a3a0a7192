"""Settings of the whole suite: hypothesis judges behaviour here, never speed; the catalogue is the shipped one."""

import gc
import os

from hypothesis import HealthCheck, settings

settings.register_profile("stillup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stillup")

os.environ["STILLUP_CATALOG"] = os.devnull


def pytest_make_parametrize_id(val):
    """What was packed has the time in it: workers that find it in different seconds must call it the same."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and not val.isascii() else None


def pytest_collection_finish():
    """What thousands of tests are made of stays to the end: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
