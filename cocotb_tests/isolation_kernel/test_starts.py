"""How guests begin: in real mode, or again after a reset of their own."""

from collections.abc import Callable

import pytest

from cocotb_tests.isolation_kernel.world import CODE, FIRST_MEMORY, SECOND_MEMORY, World
from contracts.architecture import Cr0, Gpr
from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry, RealModeEntry, Right
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Port
from contracts.report import Step
from isolation_kernel.frames import KernelError
from isolation_kernel.invariants import check
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.script import Out, Read, ReadCr, Script, SvmInstruction, Vmmcall, Write, WriteCr
from isolation_kernel.partition import Partition, State

IMAGE = 0x3000
RESETS = {
    "8042": Out(Port.KBC_STATUS, 0xFE),
    "8042, all its lines": Out(Port.KBC_STATUS, 0xF0),
    "port 92h": Out(Port.SYSTEM_CONTROL_A, 1),
    "CF9h": Out(Port.RESET_CONTROL, 6),
    "triple fault": SvmInstruction("VMRUN"),  # #UD without a handler
}


def starts(world: World, scripts: list[Callable[[], Script]]) -> list[Partition]:
    """Whichever guest is loaded next runs the next script; returns the list of partitions, which grows."""
    loaded: list[Partition] = []
    load = world.kernel.load_guest

    def load_guest(config: GuestConfig, number: int | None = None) -> Partition:
        partition = load(config, number)
        world.machine.attach(partition.vcpu.block, scripts[len(loaded)])
        loaded.append(partition)
        return partition

    world.kernel.load_guest = load_guest  # type: ignore[method-assign]
    return loaded


def configuration(**more: object) -> GuestConfig:
    return GuestConfig("restarts", SECOND_MEMORY, ((IMAGE, b"image..."),), MultibootEntry(CODE), restart_on_reset=True, **more)  # type: ignore[arg-type]


# real mode


def test_the_reset_state() -> None:
    """As after RESET: CS F000h with its base at the top, EDX the processor's signature; the processor itself runs with paging on."""
    world = World()
    world.machine.attach(0, lambda: iter(()))  # type: ignore[arg-type, return-value]
    partition = world.kernel.load_guest(GuestConfig("real", SECOND_MEMORY, (), RealModeEntry()))
    vcpu = partition.vcpu
    assert [vcpu.get(f"CS_{part}") for part in ("SELECTOR", "BASE", "LIMIT")] == [0xF000, 0xFFFF_0000, 0xFFFF]
    assert (vcpu.get("RIP"), vcpu.register(Gpr.EDX)) == (0xFFF0, KernelConfig().native_cpuid[1][0])
    assert [vcpu.get(f"{name}_{part}") for name in ("DS", "SS") for part in ("SELECTOR", "BASE", "LIMIT")] == [0, 0, 0xFFFF] * 2
    assert (vcpu.get("IDTR_BASE"), vcpu.get("IDTR_LIMIT"), vcpu.get("RFLAGS")) == (0, 0x3FF, 2)
    assert partition.cr0 == Cr0.ET | Cr0.CD | Cr0.NW
    assert vcpu.get("CR0") == Cr0.ET | Cr0.PG | Cr0.WP  # paged real mode
    assert all(vcpu.register(r) == 0 for r in Gpr if r is not Gpr.EDX)


def test_a_real_mode_guest_reaches_its_own_memory_and_protected_mode() -> None:
    seen: list[object] = []

    def script() -> Script:
        yield Write(0x5000, 0x1234)
        seen.append((yield Read(0x5000)))
        seen.append((yield Read(SECOND_MEMORY)))
        seen.append((yield ReadCr(0)))
        yield WriteCr(0, Cr0.PE)
        seen.append((yield ReadCr(0)))
        yield Vmmcall(Hypercall.SHUTDOWN, 3)

    world = World()
    partition = world.kernel.load_guest(GuestConfig("real", SECOND_MEMORY, (), RealModeEntry(0, 0, CODE)))
    world.machine.attach(partition.vcpu.block, script)
    assert world.run() is Step.OVER and partition.exit_status == 3
    assert seen == [0x1234, 0xFFFF_FFFF, Cr0.ET | Cr0.CD | Cr0.NW, Cr0.ET | Cr0.PE]


# resets


@pytest.mark.parametrize("cause", RESETS)
def test_a_reset_starts_the_guest_again_from_its_image(cause: str) -> None:
    seen: list[object] = []

    def life(last: bool) -> Script:
        seen.append((yield Read(IMAGE)))
        seen.append((yield Read(0x6000)))
        yield Write(IMAGE, 0)
        yield Write(0x6000, 0x77)
        if not last:
            yield RESETS[cause]
        yield Vmmcall(Hypercall.SHUTDOWN, 5)

    world = World()
    loaded = starts(world, [lambda: life(False), lambda: life(False), lambda: life(True)])
    world.kernel.load_guest(configuration())
    assert world.run() is Step.OVER
    assert seen == [int.from_bytes(b"imag", "little"), 0] * 3
    assert [p.state for p in loaded] == [State.ENDED] * 3 and loaded[-1].exit_status == 5
    assert len(world.kernel.frames.pool) == len(Kernel(world.machine, world.kernel.config).frames.pool)  # nothing has leaked


def test_a_neighbour_sees_nothing_of_it() -> None:
    def again() -> Script:
        yield Out(Port.KBC_STATUS, 0xFE)

    def ends() -> Script:
        yield Vmmcall(Hypercall.SHUTDOWN, 1)

    def neighbour() -> Script:
        yield Write(0x5000, 9)
        for _ in range(20):
            yield Vmmcall(Hypercall.YIELD)
        assert (yield Read(0x5000)) == 9
        yield Vmmcall(Hypercall.SHUTDOWN, 2)

    world = World()
    loaded = starts(world, [again, neighbour, again, ends])
    world.kernel.load_guest(configuration())
    world.kernel.load_guest(GuestConfig("neighbour", SECOND_MEMORY, (), MultibootEntry(CODE)))
    assert world.run() is Step.OVER
    assert [p.exit_status for p in loaded] == [None, 2, None, 1]


def test_a_guest_that_gave_its_memory_away_does_not_come_back() -> None:
    """Its frames are another's, who keeps them; the kernel goes on."""

    def gives() -> Script:
        yield Vmmcall(Hypercall.GIVE_PAGE, 0x7000, 2)
        yield Out(Port.KBC_STATUS, 0xFE)

    def takes() -> Script:
        while (yield Vmmcall(Hypercall.ACCEPT_PAGE, 0x0500_0000)) != 0:
            yield Vmmcall(Hypercall.YIELD)
        for _ in range(10):
            yield Vmmcall(Hypercall.YIELD)
        yield Vmmcall(Hypercall.SHUTDOWN, 4)

    world = World()
    loaded = starts(world, [gives, takes])
    first = GuestConfig("restarts", FIRST_MEMORY, (), MultibootEntry(CODE), one_to_one=True, rights=frozenset(Right), restart_on_reset=True)
    world.kernel.load_guest(first)
    world.kernel.load_guest(GuestConfig("takes", SECOND_MEMORY, (), MultibootEntry(CODE)))
    assert world.run() is Step.OVER
    assert [p.end_reason for p in loaded] == ["asked for a reset", "shut itself down"] and loaded[1].exit_status == 4
    assert 0x0500_0000 // PAGE_SIZE not in loaded[0].memory.pages


def test_a_device_given_away_keeps_its_giver_from_coming_back() -> None:
    def gives() -> Script:
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.COM1, 2)
        yield Out(Port.KBC_STATUS, 0xFE)

    def keeps() -> Script:
        for _ in range(10):
            yield Vmmcall(Hypercall.YIELD)
        yield Vmmcall(Hypercall.SHUTDOWN, 4)

    world = World()
    loaded = starts(world, [gives, keeps])
    world.kernel.load_guest(configuration(devices=frozenset({DeviceNumber.COM1}), rights=frozenset(Right)))
    world.kernel.load_guest(GuestConfig("keeps", SECOND_MEMORY, (), MultibootEntry(CODE)))
    assert world.run() is Step.OVER and len(loaded) == 2 and loaded[1].exit_status == 4


def test_a_device_has_one_owner() -> None:
    world = World()
    devices = frozenset({DeviceNumber.DMA0})
    world.guest(lambda: iter(()), devices=devices)  # type: ignore[arg-type, return-value]
    left = len(world.kernel.frames.pool)
    with pytest.raises(KernelError, match="DMA0 has an owner already"):
        world.guest(lambda: iter(()), devices=devices)  # type: ignore[arg-type, return-value]
    assert len(world.kernel.partitions) == 1 and len(world.kernel.frames.pool) == left and not check(world.kernel)
