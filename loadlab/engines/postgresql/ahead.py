"""Making the next items of an iterator while one is in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def made_ahead(items: Iterator[Item], depth: int = 3) -> Generator[Item, None, None]:
    """The items of an iterator, up to `depth` of them made in a thread while the one before is in use.

    Closing the result waits for the item that is being made. Errors come at the place of the item.
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, items, end) for _ in range(depth))
        while (item := coming.popleft().result()) is not end:
            coming.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]
