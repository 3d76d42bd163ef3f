"""A memory behind a bus, for units simulated in Amaranth's simulator: random latency, in order, watches the rules of the bus."""

import random
from collections import deque
from dataclasses import dataclass

from contracts.bus import BURST_WORDS, Space

__all__ = ["BusMemory", "Request"]

_WORD = 4


@dataclass(frozen=True)
class Request:
    """One accepted request."""

    address: int
    space: Space
    write: bool
    mask: int
    data: int
    burst: bool
    lock: bool
    authority: int
    cycle: int


class BusMemory:
    """Answers the master ``bus``; ``memory`` holds bytes, ``ports`` the values of I/O bytes (written ones come back).

    ``log`` has every accepted request. ``before`` is called with each request before it takes effect; ``latency`` gives the cycles
    from a request to its answer, ``stall`` the probability that a request has to wait in a cycle.
    """

    def __init__(self, bus, rng: random.Random, *, latency=(1, 6), stall: float = 0.3, vector: int = 0x5A) -> None:
        self._bus = bus
        self._rng = rng
        self._latency = latency
        self._stall = stall
        self.memory: dict[int, int] = {}
        self.ports: dict[int, int] = {}
        self.vector = vector
        self.log: list[Request] = []
        self.before = lambda request: None
        self.after = lambda request: None
        self.cycle = 0
        self.locked = False
        self.outstanding = 0

    def read(self, address: int, size: int = _WORD) -> int:
        """Little-endian value of ``size`` bytes of memory."""
        return sum(self.memory.get(address + n, 0) << 8 * n for n in range(size))

    def write(self, address: int, value: int, size: int = _WORD) -> None:
        """The reverse."""
        for n in range(size):
            self.memory[address + n] = value >> 8 * n & 0xFF

    def _carry_out(self, request: Request) -> list[int]:
        store = self.memory if request.space == Space.MEMORY else self.ports
        if request.space == Space.INTERRUPT_ACKNOWLEDGE:
            assert not request.write
            return [self.vector]
        assert request.address % _WORD == 0
        if request.write:
            assert not request.burst
            for n in range(_WORD):
                if request.mask >> n & 1:
                    store[request.address + n] = request.data >> 8 * n & 0xFF
            return [0]
        words = BURST_WORDS if request.burst else 1
        if request.burst:
            assert request.address % (_WORD * BURST_WORDS) == 0
        return [sum(store.get(request.address + _WORD * w + n, 0) << 8 * n for n in range(_WORD)) for w in range(words)]

    async def serve(self, ctx) -> None:
        """The process; runs for ever."""
        bus = self._bus
        data, last_word = bus.rsp.data, bus.rsp.last
        answers: deque[tuple[int, int, int]] = deque()  # due, data, last
        free = 0
        previous = None
        while True:
            ready = self._rng.random() >= self._stall
            ctx.set(bus.req_ready, ready)
            if answers and answers[0][0] <= self.cycle:
                _, word, last = answers.popleft()
                ctx.set(bus.rsp_valid, 1)
                ctx.set(data, word)
                ctx.set(last_word, last)
                self.outstanding -= last
            else:
                ctx.set(bus.rsp_valid, 0)
                ctx.set(data, self._rng.randrange(1 << 32))
            _, _, valid, req = await ctx.tick().sample(bus.req_valid, bus.req)
            if previous is not None:
                assert valid and req == previous, "a request changed while it waited"
            previous = req if valid and not ready else None
            if valid and ready:
                request = Request(
                    req.address, req.space, bool(req.write), req.mask, req.data, bool(req.burst), bool(req.lock),
                    req.authority.value, self.cycle,
                )  # fmt: skip
                assert req.last
                self.log.append(request)
                self.before(request)
                words = self._carry_out(request)
                self.after(request)
                self.locked = request.lock
                due = max(free, self.cycle + self._rng.randint(*self._latency))
                for n, word in enumerate(words):
                    answers.append((due, word, n == len(words) - 1))
                    due += 1 + (self._rng.random() < self._stall)
                free = due
                self.outstanding += 1
            self.cycle += 1
