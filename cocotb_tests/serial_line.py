"""What a model says on a serial pin, 8N1."""

from sim.model import Model

__all__ = ["SerialLine"]

_FRAME_BITS = 10


class SerialLine:
    """Listens to output ``pin``, a bit of which takes ``bit_cycles``; the model runs while it does."""

    def __init__(self, model: Model, *, bit_cycles: int, pin: str = "tx") -> None:
        self._model, self._bit_cycles, self._pin = model, bit_cycles, pin

    def samples(self, cycles: int) -> list[int]:
        """The pin in each of the next cycles."""
        found = []
        for _ in range(cycles):
            self._model.run(1, stops=())
            found.append(self._model.get(self._pin))
        return found

    def receive(self, limit: int) -> str:
        """One character: from the falling edge of the start bit, each bit in its middle. AssertionError if none begins within ``limit``."""
        for _ in range(limit):
            self._model.run(1, stops=())
            if not self._model.get(self._pin):
                break
        else:
            raise AssertionError("the line stays idle")
        frame = self.samples(_FRAME_BITS * self._bit_cycles - 2)[self._bit_cycles // 2 - 1 :: self._bit_cycles]
        assert frame[0] == 0, "no start bit"
        assert frame[-1] == 1, "no stop bit"
        return chr(sum(bit << n for n, bit in enumerate(frame[1:-1])))

    def silent(self, characters: int) -> bool:
        """Whether nothing is said in the time of so many."""
        return all(self.samples(characters * _FRAME_BITS * self._bit_cycles))
