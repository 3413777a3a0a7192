"""stillup: is an AI service down, why, for how long, and how to keep working."""

__version__ = "0.1.0"
