"""What `stillup run` runs: each role of a cluster in a file of its own, with one entry, `serve(here)`."""
