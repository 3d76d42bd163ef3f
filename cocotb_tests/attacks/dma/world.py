"""Who owns what in the machine that is attacked, and how a secret is known when it is seen."""

from enum import Enum

from contracts.memory_map import PAGE_SIZE

__all__ = [
    "HOMES",
    "LAUNCH",
    "LOW_HOME",
    "LOW_VICTIM",
    "MAPS",
    "MAP_BYTES",
    "MARK",
    "MEMORY_BYTES",
    "NEIGHBOUR",
    "SHARED",
    "VICTIM",
    "VICTIM_ABOVE",
    "Owner",
    "World",
    "is_secret",
    "page_of",
    "secret",
]

MEMORY_BYTES = 256 << 20

# One attacker, whose pages the devices reach; one victim; ring -1.
HOMES = (0x0010_0000, 0x0014_0000)  # a page for each of the two devices, reached by it in every lawful policy
VICTIM = 0x0010_1000  # the page after the first home
VICTIM_ABOVE = 0x0810_0000  # 128 MiB above the first home, in the second half of an 8 KiB map
NEIGHBOUR = 0x0012_0000  # the attacker's: the same word of the map as no other page here
SHARED = 0x0028_0000  # a page that changes hands
LOW_HOME, LOW_VICTIM = 0x0000_4000, 0x0002_0000  # decided by the first and by the second word of a uniform map
LAUNCH = 0x0FC0_0000  # 64 KiB for a late launch
MAPS = (0x0FF0_0000, 0x0FF4_0000)  # the devices' maps. With address line 20 masked they are missed, and SHARED is not
MAP_BYTES = 8192  # covers memory in the formats with one bit a page

MARK = 0xA77A_0000  # what the attacker writes
_SECRET = 0x5EC
_SECRET_LSB = 20


class Owner(Enum):
    """Whose a page is. A page that is not listed is ring -1's."""

    ATTACKER = "attacker"
    VICTIM = "victim"
    RING_MINUS_1 = "ring -1"


def page_of(address: int) -> int:
    """The first byte of the page."""
    return address & -PAGE_SIZE


def secret(address: int) -> int:
    """The secret that lies at ``address``: a word that nobody has by chance."""
    return _SECRET << _SECRET_LSB | address >> 2 & (1 << _SECRET_LSB) - 1


def is_secret(word: int) -> bool:
    """Whether a word is a secret, wherever it turns up."""
    return word >> _SECRET_LSB == _SECRET


class World:
    """Memory as it is, and as its lawful owners have left it: words by byte address."""

    def __init__(self) -> None:
        self.ram: dict[int, int] = {}
        self.lawful: dict[int, int] = {}  # outside the attacker's pages
        self.owners: dict[int, Owner] = dict.fromkeys((*HOMES, NEIGHBOUR), Owner.ATTACKER)
        self.fill_with_secrets(VICTIM)

    def owner(self, address: int) -> Owner:
        """Whose the byte at ``address`` is now."""
        return self.owners.get(page_of(address), Owner.RING_MINUS_1)

    def put(self, address: int, value: int) -> None:
        """A word is there before anything happens."""
        self.ram[address] = value
        self.lawful[address] = value

    def write(self, address: int, value: int, mask: int) -> None:
        """A lawful owner writes bytes of a word (what memory holds afterwards is memory's affair)."""
        bits = sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
        self.lawful[address] = self.lawful.get(address, 0) & ~bits | value & bits

    def fill_with_secrets(self, page: int, owner: Owner = Owner.VICTIM, words: int = PAGE_SIZE // 4) -> None:
        """The page is ``owner``'s, and its first ``words`` words are secrets."""
        self.owners[page] = owner
        for address in range(page, page + 4 * words, 4):
            self.put(address, secret(address))
