"""Google Workspace's dashboard: Cloud's format at another address."""

from stillup.sim.wire.google_cloud import page

__all__ = ["page"]
