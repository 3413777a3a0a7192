"""How many reports are admitted a second, and what a million senders cost."""
