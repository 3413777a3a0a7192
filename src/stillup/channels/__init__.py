"""Where alerts go: one file a kind of channel, each only sends what it is given."""
