"""Sources: one file per wire format. Each says which requests to make and reads the bytes that come back."""
