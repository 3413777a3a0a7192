"""The state of a monitor as bytes, and back."""
