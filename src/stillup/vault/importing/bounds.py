"""How much is taken from a source at once: what keeps an import's memory small whatever it is fed."""

from __future__ import annotations

MIB = 1024 * 1024

CHUNK_BYTES = MIB
"""A file is read so much at a time."""
ITEM_BYTES = 24 * MIB
"""A conversation's JSON. Read, it takes up to four times as much: a single emoji makes a string four bytes a letter."""
STRING_BYTES = 8 * MIB
"""One string of it: a message that is longer is named and left out, the rest of its conversation is kept."""
LINE_BYTES = 24 * MIB
"""A transcript's line, which is one message, with its pictures in it."""
ITEM_WEIGHT_BYTES = 64 * MIB
"""What the values in one item may take besides their text: 24 MiB of ``[],[],`` would otherwise become a gigabyte."""
FILE_BYTES = 24 * MIB
"""An attachment, a page, a Markdown file."""
PIECE_BYTES = 16 * MIB
"""So much of a conversation is handed over at once, at least one turn."""
PIECE_TURNS = 2000
UNPACKED_RATIO = 250
"""Text does not pack better than this; zip bombs do (1,030 is what deflate can)."""
UNPACKED_FLOOR_BYTES = 64 * MIB
"""Below this nobody cares how well it was packed."""
DIRECTORY_BYTES = 32 * MIB
"""A zip's table of contents: Python's zipfile reads all of it, and takes five times its size."""
MEMBERS = 200_000
FOLDER_FILES = 200_000
FOLDER_DEPTH = 12


def said(count: int) -> str:
    """Bytes for a person: ``104 MB``."""
    if count < 10_000_000:
        return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:,.0f} MB"
