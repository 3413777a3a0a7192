"""Other programs' and providers' conversations, read as they keep or export them: one file each."""
