"""What the processes of one installation tell each other: in one process by default, over NATS JetStream when told.

A log is what must never be lost nor come twice (signals and minutes); a table is what is true now (verdicts, health,
who owns what); a shelf holds large things (checkpoints); a word is told to whoever listens, once, and not kept.
"""
