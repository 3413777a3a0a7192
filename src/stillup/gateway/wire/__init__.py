"""HTTP/1.1 on both sides: thin asyncio protocols over httptools, where nothing stands between a chunk and its reader.

::

    client program ──► server.Connection ──► the app ──► client.Pool ──► upstream

Bounded in size, number and time; what breaks the grammar is refused before anything of it is forwarded.
"""
