"""Alerts under the knife: see ``__main__``."""
