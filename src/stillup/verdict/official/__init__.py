"""What official pages declare."""
