"""The probability beside the rule."""
