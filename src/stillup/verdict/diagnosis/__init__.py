"""What kind of outage it is, and who is hit."""
