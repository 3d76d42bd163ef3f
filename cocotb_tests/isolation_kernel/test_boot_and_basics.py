"""Two guests boot, see their own memory, print, and end."""

from cocotb_tests.isolation_kernel.world import FIRST_MEMORY, PAGE_TABLES, SECOND_MEMORY, World, paging_on, read
from contracts.architecture import Cr0
from contracts.hypercalls import CPUID_SIGNATURE, CpuidLeaf, Hypercall
from contracts.report import Step
from isolation_kernel.model.script import Cpuid, Out, Read, ReadCr, Script, Vmmcall, Write, WriteCr
from isolation_kernel.partition import State


def test_two_guests_run_and_end() -> None:
    seen: list[object] = []

    def first() -> Script:
        yield Write(0x3000, 0x1234)
        yield from read(seen, 0x3000)
        yield Out(0xE9, ord("A"))
        yield Out(0xF4, 5, 4)

    def second() -> Script:
        yield Write(0x3000, 0x5678)
        yield from read(seen, 0x3000)
        yield Vmmcall(Hypercall.SHUTDOWN, 9)

    world = World()
    a, b = world.guest(first, one_to_one=True), world.guest(second)
    assert world.run() is Step.OVER
    assert sorted(seen) == [0x1234, 0x5678]  # type: ignore[type-var]
    assert (a.state, a.exit_status, bytes(a.console)) == (State.ENDED, 5, b"A")
    assert (b.state, b.exit_status) == (State.ENDED, 9)


def test_paging_and_control_registers() -> None:
    seen: list[object] = []

    def script() -> Script:
        yield from paging_on()
        seen.append((yield ReadCr(0)))
        seen.append((yield ReadCr(3)))
        yield Write(0x5000, 0xCAFE)
        yield from read(seen, 0x5000)
        yield WriteCr(0, Cr0.PE)
        yield from read(seen, 0x5000)
        seen.append((yield ReadCr(0)))
        seen.append((yield Read(PAGE_TABLES + 0x1000 + 4 * 5)))

    world = World()
    world.guest(script)
    assert world.run() is Step.IDLE
    assert seen[:5] == [Cr0.PG | Cr0.PE | Cr0.WP | Cr0.ET, PAGE_TABLES, 0xCAFE, 0xCAFE, Cr0.PE | Cr0.ET]
    assert seen[5] == 0x5000 | 0x67  # accessed and dirty


def test_cpuid_tells_the_driver_its_offset() -> None:
    seen: list[object] = []

    def script() -> Script:
        for leaf in CpuidLeaf:
            seen.append((yield Cpuid(leaf)))
        seen.append((yield Cpuid(0x8000_0001)))

    world = World()
    world.guest(script, one_to_one=True)
    other = world.guest(script)
    world.run()
    name = b"".join(word.to_bytes(4, "little") for word in seen[0][1:])  # type: ignore[index]
    assert name.decode() == CPUID_SIGNATURE
    assert (0, FIRST_MEMORY, 1, 0) in seen and (other.memory.offset << 12, SECOND_MEMORY, 2, 0) in seen
    assert all(not leaf[2] & 1 << 2 for leaf in seen if leaf[0] not in (0, CpuidLeaf.MEMORY))  # type: ignore[index]


def test_a_guest_sees_the_processor_without_ring_minus_1() -> None:
    """The kernel's table of CPUID leaves is the core's own, which it cannot import, but for the debug registers: a guest has none."""
    from contracts.configuration import KernelConfig
    from rtl.arch.identity import DEBUG_EXTENSIONS
    from rtl.microcode.dispatch import CORE_CPUID

    core = {leaf.number: (leaf.eax, leaf.ebx, leaf.ecx, leaf.edx) for leaf in CORE_CPUID}
    core[1] = (*core[1][:3], core[1][3] & ~DEBUG_EXTENSIONS)
    assert dict(KernelConfig().native_cpuid) == core
