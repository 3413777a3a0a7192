"""What was promised and what was seen: sums of each side, reports, stay or switch."""
