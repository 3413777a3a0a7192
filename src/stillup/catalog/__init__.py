"""All that is known of each service: data in TOML files, and the code that loads it."""
