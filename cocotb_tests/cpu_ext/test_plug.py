"""Ring −1 behind the seam: exception intercepts, shutdown, what an exit reports, and that nothing of it shows outside guest mode."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.packed import Bench, simulate
from cpu_ext.plug import RingMinus1
from cpu_ext.special import Own, Point
from rtl.microcode.uop import InterceptPoint
from rtl.seam import CoreParams

__all__: list[str] = []

LABELS = {name: 0x200 + n for n, name in enumerate((
    "vmexit", "ioio_check", "msr_check", "inject_entry", "debug_trap_entry", "init_exit", "init_security", "init_entry", "nmi_entry",
    "interrupt_entry", "vintr_entry",
))}  # fmt: skip
ONES = (1 << 32) - 1
PF = 14
EXCEPTION_EXIT, SHUTDOWN_EXIT = 0x40, 0x7F
SHUTDOWN_BIT, CPUID_BIT, IOIO_BIT, MSR_BIT, INTR_BIT = 31, 18, 27, 28, 0
EXIT = (Own.EXITCODE, Own.EXITINFO1, Own.EXITINFO2, Own.NRIP)


class Plug:
    """The plugged extension: registers by name, one cycle with seam inputs by name."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def cycle(self, **inputs: Any) -> dict[str, int]:
        outputs = await self._bench.cycle(**{f"seam__{name}": value for name, value in inputs.items()})
        return {name.removeprefix("seam."): value for name, value in outputs.items()}

    async def write(self, **values: int) -> None:
        for name, value in values.items():
            await self.cycle(special_number=int(Own[name.upper()]), special_write=1, special_data=value)

    async def exit(self) -> tuple[int, ...]:
        """What the next #VMEXIT would store: code, information 1 and 2, next RIP."""
        return tuple([(await self.cycle(special_number=int(own)))["special_read"] for own in EXIT])


def plugged(program: Any) -> None:
    async def run(bench: Bench) -> None:
        await program(Plug(bench))

    simulate(RingMinus1(CoreParams.tiny(), LABELS), run)


def raised(vector: int, *, error: int = 0, address: int = 0, shutdown: int = 0, software: int = 0) -> dict:
    return {"word": 1 << 31 | 3 << 8 | vector, "error": error, "address": address, "shutdown": shutdown, "software": software}


def test_exceptions_by_their_bits_and_what_their_exits_report(rng: Random):
    async def program(plug: Plug) -> None:
        await plug.write(guest=1)
        taken = 0
        for _ in range(4):
            for vector in range(32):
                bits = rng.choice((1 << vector, ONES ^ 1 << vector, rng.getrandbits(32)))
                error, address, following, software = rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(1)
                await plug.write(intercept_exceptions=bits, exitcode=0xEE)
                out = await plug.cycle(
                    raised_valid=1, raised=raised(vector, error=error, address=address, software=software), decoded={"next_eip": following}
                )
                assert out["raised_take"] == bits >> vector & 1, vector
                if not out["raised_take"]:
                    assert (await plug.exit())[0] == 0xEE
                    continue
                taken += 1
                assert out["raised_target"] == LABELS["vmexit"]
                assert await plug.exit() == (EXCEPTION_EXIT + vector, error, address if vector == PF else 0, following if software else 0)
        assert taken > 32

    plugged(program)


@pytest.mark.parametrize("intercepted", [0, 1])
def test_shutdown_exits_by_its_own_bit_only(intercepted):
    async def program(plug: Plug) -> None:
        await plug.write(guest=1, intercept_exceptions=ONES, intercept_general1=intercepted << SHUTDOWN_BIT)
        out = await plug.cycle(raised_valid=1, raised=raised(13, error=5, shutdown=1), decoded={"next_eip": 7})
        assert out["raised_take"] == intercepted
        if intercepted:
            assert (await plug.exit())[0] == SHUTDOWN_EXIT
            assert (await plug.exit())[3] == 0
        await plug.write(intercept_exceptions=0)
        out = await plug.cycle(raised_valid=1, raised=raised(13))
        assert out["raised_take"] == 0

    plugged(program)


def test_points_exit_or_ask_their_map():
    async def program(plug: Plug) -> None:
        await plug.write(guest=1, intercept_general1=1 << CPUID_BIT | 1 << IOIO_BIT | 1 << MSR_BIT | 1 << INTR_BIT)
        following = {"next_eip": 0x1234}
        for point, target, report in (
            (InterceptPoint.CPUID.value, "vmexit", (0x72, 0, 0, 0x1234)),
            (InterceptPoint.MSR_WRITE.value, "msr_check", (0x7C, 1, 0, 0x1234)),
            (InterceptPoint.MSR_READ.value, "msr_check", (0x7C, 0, 0, 0x1234)),
            (InterceptPoint.INTR.value, "vmexit", (0x60, 0, 0, 0)),  # an interrupt has no next RIP
        ):
            out = await plug.cycle(point_valid=1, point=point, decoded=following)
            assert (out["take"], out["target"]) == (1, LABELS[target])
            assert await plug.exit() == report
        decoded = {**following, "opcode": 0xEC, "byte": 1, "address32": 1}  # IN AL, DX
        out = await plug.cycle(point_valid=1, point=InterceptPoint.IOIO, b=0x60, decoded=decoded)
        assert (out["take"], out["target"]) == (1, LABELS["ioio_check"])
        assert await plug.exit() == (0x7B, 0x60 << 16 | 1 << 8 | 1 << 4 | 1, 0x1234, 0x1234)
        out = await plug.cycle(point_valid=1, point=InterceptPoint.HLT, decoded=following)
        assert out["take"] == 0

    plugged(program)


@pytest.mark.parametrize(("point", "bit", "code"), [("NMI", 1, 0x61), ("INIT", 3, 0x63), ("VINTR", 4, 0x64)])
def test_exits_of_events_have_no_next_rip(point, bit, code):
    number = InterceptPoint.NMI.value if point == "NMI" else int(Point[point])

    async def program(plug: Plug) -> None:
        await plug.write(guest=1, intercept_general1=1 << bit, nrip=0x55)
        out = await plug.cycle(point_valid=1, point=number, decoded={"next_eip": 0x1234})
        assert out["take"] == 1
        assert await plug.exit() == (code, 0, 0, 0)

    plugged(program)


def test_outside_guest_mode_nothing_exits_and_the_host_is_itself(rng: Random):
    async def program(plug: Plug) -> None:
        offset = rng.getrandbits(64) | 1
        await plug.write(intercept_cr=ONES, intercept_exceptions=ONES, intercept_general1=ONES, intercept_general2=ONES, asid=5,
                         tsc_offset_low=offset & ONES, tsc_offset_high=offset >> 32, gif=1)  # fmt: skip
        for guest in (0, 1, 0):
            await plug.write(guest=guest)
            for point in range(64):
                out = await plug.cycle(point_valid=1, point=point, raised_valid=1, raised=raised(point % 32, shutdown=point & 1))
                assert out["raised_take"] == guest
                if not guest:
                    assert out["take"] == 0
                context = out["context"]
                assert (context & 1, context >> 1 & 1, context >> 2 & 0xFF) == (guest, 1, 5 * guest)
                assert (out["asid"], out["ring_minus_1"], out["tsc_offset"]) == ((5, 0, offset) if guest else (0, 1, 0))

    plugged(program)


def test_events_reach_the_choice():
    """Wiring of the registers to the choice of events, which has tests of its own."""
    pending = {"intr": 1, "interrupt_flag": 0}
    control = {"masking": 1 << 24}

    async def program(plug: Plug) -> None:
        await plug.write(guest=1, gif=1, int_control=control["masking"], host_if=1)
        out = await plug.cycle(pending=pending)
        assert (out["event_take"], out["event_target"]) == (1, LABELS["interrupt_entry"])
        await plug.write(host_if=0)
        assert (await plug.cycle(pending=pending))["event_take"] == 0
        await plug.write(int_control=1 << 8 | 1 << 20)
        out = await plug.cycle(pending={"interrupt_flag": 1})
        assert (out["event_take"], out["event_target"]) == (1, LABELS["vintr_entry"])
        await plug.write(gif=0)
        assert (await plug.cycle(pending={"interrupt_flag": 1}))["event_take"] == 0
        await plug.write(inject=1)
        assert (await plug.cycle(pending={}))["event_target"] == LABELS["inject_entry"]
        await plug.write(inject=0, gif=1, intercept_general1=1 << 3)
        assert (await plug.cycle(pending={"init": 1}))["event_target"] == LABELS["init_exit"]
        for vm_cr, target in ((2, "init_security"), (0x1D, "init_entry")):
            await plug.write(intercept_general1=0, vm_cr=vm_cr)
            assert (await plug.cycle(pending={"init": 1}))["event_target"] == LABELS[target]

    plugged(program)
