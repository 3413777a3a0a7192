"""Pages of the documentation whose middle is made by a program."""


def put_between(page: str, begin: str, end: str, made: str) -> str:
    """The page with ``made`` between its two marks, in the place of what stood there.

    :raises ValueError: the page lacks a mark.
    """
    head, found, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (found and ended):
        msg = f"the page lacks {begin!r} or {end!r}"
        raise ValueError(msg)
    return f"{head}{begin}\n\n{made}\n{end}{tail}"
