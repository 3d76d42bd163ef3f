"""Drives a device's ``IoSignature`` in Amaranth's simulator."""

__all__ = ["IoDriver"]


class IoDriver:
    """Reads and writes of one device, each one cycle."""

    def __init__(self, ctx, io) -> None:
        self._ctx = ctx
        self._io = io

    async def write(self, address: int, value: int) -> None:
        self._ctx.set(self._io.address, address)
        self._ctx.set(self._io.write_data, value)
        self._ctx.set(self._io.write, 1)
        await self._ctx.tick()
        self._ctx.set(self._io.write, 0)

    async def read(self, address: int) -> int:
        self._ctx.set(self._io.address, address)
        self._ctx.set(self._io.read, 1)
        value = self._ctx.get(self._io.read_data)
        await self._ctx.tick()
        self._ctx.set(self._io.read, 0)
        return value
