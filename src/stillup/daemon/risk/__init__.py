"""What depends on what, of this configuration and its record, put together for the assessment."""
