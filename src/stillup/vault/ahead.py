"""Reading ahead in a thread, so far and no farther: the database takes one thing while the next is made ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class _Line(Generic[T]):
    """What waits, with its size."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: deque[tuple[T, int]] = deque()
        self.size = 0
        self.changed = Condition()
        self.is_over = False
        self.is_unwanted = False
        self.trouble: BaseException | None = None

    def fill(self, items: Iterator[tuple[T, int]]) -> None:
        """In the other thread."""
        try:
            for item, size in items:
                with self.changed:
                    self.changed.wait_for(lambda: self.is_unwanted or self.size < self.most)
                    if self.is_unwanted:
                        return
                    self.waiting.append((item, size))
                    self.size += size
                    self.changed.notify_all()
        except BaseException as exc:  # noqa: BLE001 - it is raised where the items are taken
            self.trouble = exc
        finally:
            with self.changed:
                self.is_over = True
                self.changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.is_over)
                if not self.waiting:
                    break
                item, size = self.waiting.popleft()
                self.size -= size
                self.changed.notify_all()
            yield item
        if self.trouble is not None:
            raise self.trouble


@contextmanager
def ahead(items: Iterator[tuple[T, int]], most: int) -> Iterator[Iterator[T]]:
    """The items, made in a thread that waits while those that nobody took yet are larger than ``most`` together.

    What fails there is raised in its place here. The thread has ended when the block is left.
    """
    line: _Line[T] = _Line(most)
    thread = Thread(target=line.fill, args=(items,), name="read ahead", daemon=True)
    thread.start()
    try:
        yield iter(line)
    finally:
        with line.changed:
            line.is_unwanted = True
            line.changed.notify_all()
        thread.join()
