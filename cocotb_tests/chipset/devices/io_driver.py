"""Drives a device's ``IoSignature`` in Amaranth's simulator."""

__all__ = ["IoDriver"]


class IoDriver:
    """Reads and writes of one device, each one cycle."""

    def __init__(self, ctx, io) -> None:
        self._ctx = ctx
        self._address, self._read, self._write = io.address, io.read, io.write
        self._read_data, self._write_data = io.read_data, io.write_data

    async def write(self, address: int, value: int) -> None:
        self._ctx.set(self._address, address)
        self._ctx.set(self._write_data, value)
        self._ctx.set(self._write, 1)
        await self._ctx.tick()
        self._ctx.set(self._write, 0)

    async def read(self, address: int) -> int:
        self._ctx.set(self._address, address)
        self._ctx.set(self._read, 1)
        value = self._ctx.get(self._read_data)
        await self._ctx.tick()
        self._ctx.set(self._read, 0)
        return value
