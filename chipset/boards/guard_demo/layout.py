"""Who owns what in the demonstration, and who goes where: memory, policy, plans."""

from amaranth.hdl import Array, Mux, Value

from chipset.memory_controller.ram import WORD_BYTES
from chipset.traffic.generator import Direction
from chipset.traffic.owner import PolicyMaps
from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format, bit_number, map_bytes

__all__ = ["ATTACKS", "HONEST", "MAIN_BYTES", "MAP", "MEMORY_BYTES", "OPEN_PAGES", "PLANS", "is_open", "word_at"]

MEMORY_BYTES = 256 << 10  # of addresses
MAIN_BYTES = 64 << 10  # of memory, from 0 on
# The map has a memory of its own: writes to any page of the 128 KiB around a map are looked up each time, so nobody works there.
MAP = PolicyMaps(base=128 << 10, size=map_bytes(Format.UNIFORM, MEMORY_BYTES // PAGE_SIZE))

OPEN_PAGES = range(4, 12)
_READ_FROM, _WRITE_TO, _SECRET = (page * PAGE_SIZE for page in (4, 8, 12))  # four pages each
_AREA_BITS = (4 * PAGE_SIZE).bit_length() - 1

# In peace all keep to what is open.
_PEACE = {"source": _READ_FROM, "target": _WRITE_TO, "bits": _AREA_BITS}
PLANS = (
    {**_PEACE, "direction": Direction.READ},
    {**_PEACE, "direction": Direction.WRITE},
    {**_PEACE, "direction": Direction.EITHER, "random": 1},
    {**_PEACE, "direction": Direction.COPY},
)
# An attack changes two plans: one requester goes anywhere in main memory, one reads secrets and writes to where the map is.
ATTACKS = {
    2: {"source": 0, "target": 0, "bits": MAIN_BYTES.bit_length() - 1},
    3: {"source": _SECRET, "target": MAP.base},
}
HONEST = tuple(n for n in range(len(PLANS)) if n not in ATTACKS)


def is_open(page: Value) -> Value:
    """1 for the number of an open page."""
    return (page >= OPEN_PAGES.start) & (page < OPEN_PAGES.stop)


def word_at(address: Value) -> Value:
    """What memory holds from the beginning: in the map what opens ``OPEN_PAGES``, elsewhere each word's own address."""
    bits = sum(1 << bit_number(Format.UNIFORM, page, False) for page in OPEN_PAGES)
    word_bits = 8 * WORD_BYTES
    words = Array(bits >> n * word_bits & (1 << word_bits) - 1 for n in range(MAP.size // WORD_BYTES))
    number = address[WORD_BYTES.bit_length() - 1 : MAP.size.bit_length() - 1]
    return Mux(address >= MAP.base, words[number], address)
