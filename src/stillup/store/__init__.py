"""What is kept: signals for a set time, evidence, transitions and incidents. SQLite by default."""
