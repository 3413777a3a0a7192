"""Settings of the whole suite: hypothesis judges behaviour here, never speed; the catalogue is the shipped one."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("stillup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stillup")

os.environ["STILLUP_CATALOG"] = os.devnull
