"""The native API, ``/api/v1``: what the board and the archive know, as JSON that machines find described."""

from stillup.web.api.openapi import described
from stillup.web.api.routes import routes

__all__ = ["described", "routes"]
