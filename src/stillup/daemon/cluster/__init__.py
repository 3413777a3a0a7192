"""More than one process: who judges what, and the log that makes it the same wherever it is judged."""
