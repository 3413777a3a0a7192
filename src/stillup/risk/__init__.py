"""Risk: what is depended on, what fails together, what is promised, and what one more provider would buy. Pure."""
