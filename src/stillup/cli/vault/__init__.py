"""``stillup vault``: your conversations, kept, searched and gone on with."""
