"""The vault under load: search, and what is imported."""
