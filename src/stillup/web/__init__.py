"""The page, the API, the feeds: what is known, shown to people and programs over HTTP."""
