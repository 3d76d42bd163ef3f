"""Control registers, EFLAGS, the time-stamp counter and the interrupt shadow against models in Python."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate, unpack
from rtl.arch.registers import Mode
from rtl.registers.control import ControlRegisters

__all__: list[str] = []

ALL = 0xFFFF_FFFF
CR0, CR2, CR3, CR4, EFLAGS, CPL, EFER, TSC_LOW, TSC_HIGH, INTERRUPT_STATE = 0x40, 0x41, 0x42, 0x43, 0x44, 0x47, 0x48, 0x49, 0x4A, 0x4E
# number: bits that can be written, bits that read as one, value after reset
REGISTERS = {
    CR0: (0xE005_002F, 0x10, 0x6000_0010), CR2: (ALL, 0, 0), CR3: (0xFFFF_F018, 0, 0), CR4: (0x9C, 0, 0),
    EFLAGS: (0x0025_7FD5, 2, 2), CPL: (3, 0, 0), EFER: (ALL, 0, 0),
    **dict.fromkeys((0x4B, 0x4C, 0x4D, 0x64, 0x65, 0x66, 0x67), (ALL, 0, 0)),
}  # fmt: skip


def test_registers_against_a_dictionary(rng: Random):
    held = {number: reset for number, (_bits, _ones, reset) in REGISTERS.items()}
    seen = [0, 0]  # how often alignment_check was 0 and 1

    async def program(bench: Bench) -> None:
        for _ in range(4000):
            number, data = rng.choice((*REGISTERS, 0x00, 0x50, 0xC0)), rng.getrandbits(32)
            action = rng.choice(("write", "flags", "fault", "nothing"))
            code32, stack32 = rng.getrandbits(1), rng.getrandbits(1)
            out = await bench.cycle(
                number=number, write=action == "write", data=data, flags_write=action == "flags", flags_data=data,
                fault_write=action == "fault", fault_address=data, code32=code32, stack32=stack32,
            )  # fmt: skip
            assert out["value"] == held.get(number, 0), hex(number)
            assert (out["cr0"], out["cr3"], out["eflags"]) == (held[CR0], held[CR3], held[EFLAGS])
            assert unpack(Mode, out["mode"]) == {
                "pe": held[CR0] & 1, "pg": held[CR0] >> 31, "wp": held[CR0] >> 16 & 1, "pse": held[CR4] >> 4 & 1,
                "pge": held[CR4] >> 7 & 1, "cpl": held[CPL], "code32": code32, "stack32": stack32, "vm": held[EFLAGS] >> 17 & 1,
            }  # fmt: skip
            assert out["alignment_check"] == (held[CR0] & held[CR0] >> 18 & held[EFLAGS] >> 18 & 1)  # PE, AM, AC
            seen[out["alignment_check"]] += 1
            target = {"write": number, "flags": EFLAGS, "fault": CR2}.get(action)
            if target in REGISTERS:
                bits, ones, _reset = REGISTERS[target]
                held[target] = data & bits | ones

    simulate(ControlRegisters(), program)
    assert min(seen) > 20, seen


RF = 1 << 16


def test_rf_covers_one_instruction(rng: Random):
    """It stays where the instruction has loaded it, is set where one is left in its midst, and is as a frame is to have it when told so."""
    rf, stays = 0, 0
    seen = set()

    async def program(bench: Bench) -> None:
        nonlocal rf, stays
        for _ in range(4000):
            loads, told = rng.random() < 0.2, rng.random() < 0.1
            ended = not loads and rng.random() < 0.4
            interrupted, flags, value = ended and rng.random() < 0.3, rng.getrandbits(1), rng.getrandbits(1)
            out = await bench.cycle(
                flags_write=loads, resume_loaded=loads, flags_data=flags << 16, ended=ended, interrupted=interrupted,
                resume_write=told, resume=value,
            )  # fmt: skip
            assert out["eflags"] & RF == rf << 16
            seen.add((rf, ended, interrupted, stays))
            if loads:
                rf = flags
            elif interrupted or (ended and not stays):
                rf = int(interrupted)
            stays = (stays or loads) and not ended
            rf = value if told else rf

    simulate(ControlRegisters(), program)
    assert len(seen) == 12, seen


def test_time_stamp_counter_is_offset_and_read_in_two_halves(rng: Random):
    offset = 0xFFFF_FFF0 + rng.randrange(8)

    async def program(bench: Bench) -> None:
        expected = None
        for _ in range(60):
            wait = rng.randrange(3)
            low = (await bench.cycle(number=TSC_LOW, read=1, tsc_offset=offset))["value"]
            for _ in range(wait):
                await bench.cycle(tsc_offset=offset)
            high = (await bench.cycle(number=TSC_HIGH, read=1, tsc_offset=offset))["value"]
            now = (high << 32 | low) - offset
            assert expected in (None, now)
            expected = now + 2 + wait

    simulate(ControlRegisters(), program)


def test_time_stamp_counter_goes_on_from_what_is_written(rng: Random):
    async def program(bench: Bench) -> None:
        for _ in range(20):
            low, high, offset = rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(64)
            await bench.cycle(number=TSC_HIGH, write=1, data=high)
            await bench.cycle(number=TSC_LOW, write=1, data=low)
            found = (await bench.cycle(number=TSC_LOW, read=1, tsc_offset=offset))["value"]
            found |= (await bench.cycle(number=TSC_HIGH, tsc_offset=offset))["value"] << 32
            assert found == ((high << 32 | low) + offset) % (1 << 64)

    simulate(ControlRegisters(), program)


def test_the_shadow_covers_one_instruction(rng: Random):
    """Instructions of one to four cycles with boundaries between; SHADOW set by the unit, but not within a shadow, or by a write of
    INTERRUPT_STATE."""

    async def program(bench: Bench) -> None:
        covered = False  # the boundary at which we stand
        for _ in range(1500):
            for _ in range(rng.randrange(3)):
                out = await bench.cycle(between=1)
                assert out["shadow_now"] == covered
            cycles = rng.randrange(1, 5)
            setter = rng.choice((None, None, rng.randrange(cycles)))
            written = rng.getrandbits(1)
            casts = bool(setter is not None and (written or not covered))
            for n in range(cycles):
                inputs: dict[str, int] = {"ended": int(n == cycles - 1)}
                if n == setter:
                    inputs |= {"write": 1, "number": INTERRUPT_STATE, "data": 1} if written else {"shadow_set": 1}
                out = await bench.cycle(**inputs)
                assert out["shadow_now"] == (casts and setter is not None and n > setter)
            covered = casts

    simulate(ControlRegisters(), program)


def test_nmi_mask_and_clearing_by_a_write():
    async def program(bench: Bench) -> None:
        assert not (await bench.cycle())["nmi_masked"]
        await bench.cycle(nmi_mask=1)
        assert (await bench.cycle(number=INTERRUPT_STATE))["value"] == 2
        assert (await bench.cycle())["nmi_masked"]
        await bench.cycle(shadow_set=1)
        await bench.cycle(ended=1)
        assert (await bench.cycle(between=1))["shadow_now"]
        await bench.cycle(number=INTERRUPT_STATE, write=1, data=0)
        out = await bench.cycle(between=1)
        assert (out["shadow_now"], out["nmi_masked"]) == (0, 0)

    simulate(ControlRegisters(), program)
