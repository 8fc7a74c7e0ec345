"""How many requests a server gets at once: found by trying, never above a bound.

Slow start as in TCP: every success admits one more until the server first complains (429, 503, a
time-out); that halves the number, and from there it grows by about one per round of successes
(additive increase, multiplicative decrease; Chiu & Jain 1989).
"""

import asyncio
import time
from collections import deque

START = 16


class AdaptiveLimiter:
    """A semaphore whose size follows the server's mood; for one event loop.

    `async with limiter as sent_at` holds one place; `back_off` wants to know since when.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = float(min(START, most))
        self.running = 0
        self.slow_start = True
        self.backed_off_at = 0.0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> float:
        if self.running >= int(self.size) or self.waiting:
            turn = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.running -= 1
                    self._admit()
                raise
        else:
            self.running += 1
        return time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self.running -= 1
        self._admit()

    def succeed(self) -> None:
        """A request was answered: try a little more."""
        self.size = min(self.most, self.size + (1.0 if self.slow_start else 1.0 / self.size))
        self._admit()

    def back_off(self, sent_at: float) -> None:
        """The server complained about a request sent then; halve, once per round of complaints."""
        self.slow_start = False
        if sent_at >= self.backed_off_at:
            self.size = max(1.0, self.size / 2)
            self.backed_off_at = time.monotonic()

    def _admit(self) -> None:
        while self.waiting and self.running < int(self.size):
            turn = self.waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)
