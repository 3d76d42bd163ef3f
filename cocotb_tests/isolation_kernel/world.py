"""A kernel on the model machine with script guests: what the tests of this folder share."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from contracts.architecture import Cr0, Pte
from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry, Right
from contracts.devices import DeviceNumber
from contracts.memory_map import PAGE_SIZE, RamLayout
from contracts.protections import Protections
from contracts.report import Step
from isolation_kernel.invariants import check
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.machine import ModelMachine
from isolation_kernel.model.memory import Straps
from isolation_kernel.model.script import Operation, Read, Script, Write, WriteCr
from isolation_kernel.partition import Partition

__all__ = ["CODE", "FIRST_MEMORY", "LAYOUT", "PAGE_TABLES", "SECOND_MEMORY", "World", "flat_tables", "paging_on", "read"]

LAYOUT = RamLayout(size=8 << 20, kernel_size=4 << 20)
FIRST_MEMORY = 2 << 20
SECOND_MEMORY = 256 << 10
CODE = 0x2000  # every guest's instructions are "fetched" from this page
PAGE_TABLES = 0x10000  # where flat_tables puts a directory and one table
P, RW, US = Pte.P, Pte.RW, Pte.US
_ALL_RIGHTS = frozenset(Right)


class World:
    """A kernel, its machine, and the guests added so far."""

    def __init__(
        self, protections: Protections | None = None, straps: Straps | None = None, machine: ModelMachine | None = None, **settings: object
    ) -> None:
        self.machine = machine or ModelMachine(LAYOUT, straps=straps)
        config = KernelConfig(layout=LAYOUT, tables_per_guest=64, protections=protections or Protections())
        self.kernel = Kernel(self.machine, replace(config, **settings))  # type: ignore[arg-type]
        self.checked = protections is None

    def guest(
        self, script: Callable[[], Script], one_to_one: bool = False, memory: int | None = None, rights: frozenset[Right] = _ALL_RIGHTS,
        devices: frozenset[DeviceNumber] = frozenset(), segments: tuple[tuple[int, bytes], ...] = (), **more: object,
    ) -> Partition:  # fmt: skip
        """Load a guest that runs ``script`` from its first instruction."""
        memory = memory or (FIRST_MEMORY if one_to_one else SECOND_MEMORY)
        config = GuestConfig(
            f"guest {len(self.kernel.partitions) + 1}",
            memory,
            segments,
            MultibootEntry(CODE),
            one_to_one,
            devices,
            rights,
            **more,  # type: ignore[arg-type]
        )
        partition = self.kernel.load_guest(config)
        self.machine.attach(partition.vcpu.block, script)
        return partition

    def run(self, steps: int = 2000) -> Step:
        """Run; all invariants are checked after every exit, unless a protection is off."""
        outcome = Step.OVER
        for _ in range(steps):
            outcome = self.kernel.step()
            if self.checked:
                price, self.machine.access_cycles = self.machine.access_cycles, 0  # the checks are nobody's work
                violations = check(self.kernel)
                self.machine.access_cycles = price
                assert not violations, violations
            if outcome in (Step.IDLE, Step.OVER):
                break
        return outcome

    def frame_bytes(self, partition: Partition, address: int, length: int) -> bytes:
        """What a guest's physical memory holds, past all protection."""
        at = partition.memory.pages[address // PAGE_SIZE] * PAGE_SIZE + address % PAGE_SIZE
        return bytes(self.machine.memory.ram[at : at + length])


def flat_tables(base: int = PAGE_TABLES, pages: int = 64, bits: int = P | RW | US) -> list[tuple[int, int]]:
    """Words (address, value) of a directory at ``base`` and a table behind it that map ``pages`` pages one to one."""
    return [(base, base + PAGE_SIZE | P | RW | US)] + [(base + PAGE_SIZE + 4 * n, n * PAGE_SIZE | bits) for n in range(pages)]


def paging_on(base: int = PAGE_TABLES, pages: int = 64, bits: int = P | RW | US, more: int = Cr0.WP) -> Iterator[Operation]:
    """Operations that build flat tables and switch paging on."""
    for address, value in flat_tables(base, pages, bits):
        yield Write(address, value)
    yield WriteCr(3, base)
    yield WriteCr(0, Cr0.PG | Cr0.PE | more)


def read(results: list[object], linear: int) -> Script:
    """Read a word and append it to a list."""
    results.append((yield Read(linear)))
