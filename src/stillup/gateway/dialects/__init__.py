"""One file per protocol: how it is asked, how its answers are read, how its errors look. Pure: no I/O, no clock."""
