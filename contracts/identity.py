"""A guest's name: the SHA-256 of what it starts from. One bit more or less is another guest; the same guest is the same on every machine.

The name is the digest of the canonical form (``canonical``) of

- ``image``: the digest of its memory as it starts: zeros, and over them its segments in their order, however they are cut;
- ``memory``: its size in bytes;
- ``entry``: the kind of its first state, and what that kind leaves open;
- ``devices``: names, sorted;
- ``rights`` by name, sorted, ``clock`` and ``restart``: what it asks for;
- ``manifest``: the bytes that its maker has added, in hexadecimal.

Nothing of its place goes in: not the frames that it lies in, not whether they are mapped one to one, not its number. Nor does
``GuestConfig.name``, which says what one machine's owner calls it.
"""

from dataclasses import asdict

from contracts.canonical import canonical, digest
from contracts.configuration import GuestConfig

__all__ = ["identity"]


def identity(config: GuestConfig) -> str:
    """The name, as 64 hexadecimal digits."""
    image = bytearray(config.memory)
    for address, data in config.segments:
        image[address : address + len(data)] = data
    start = {
        "image": digest(bytes(image)), "memory": config.memory, "entry": {"kind": type(config.entry).__name__, **asdict(config.entry)},
        "devices": sorted(device.name for device in config.devices), "rights": sorted(right.name for right in config.rights),
        "clock": config.clock, "restart": config.restart_on_reset, "manifest": config.manifest.hex(),
    }  # fmt: skip
    return digest(canonical(start).encode())
