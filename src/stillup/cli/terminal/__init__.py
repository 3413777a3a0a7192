"""What a terminal can do: columns, bars, single keys, the clipboard."""
