"""From signals to verdicts. Pure: values in, values out; no I/O, no clock, no randomness."""
