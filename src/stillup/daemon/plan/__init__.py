"""Plans for the day it is down: facts, levels, text, and back into steps."""
