"""What becomes of a fault, over all pairs of vectors and all events in delivery (SDM vol. 3, 6.13 and 6.15; AMD64 APM vol. 2, 15.12)."""

from random import Random
from typing import Any

import pytest

from cocotb_tests.rtl.packed import Bench, simulate, unpack
from rtl.microcode.uop import Trap
from rtl.seam import RaisedEvent
from rtl.trap.unit import TrapUnit

__all__: list[str] = []

DF, PF, AC = 8, 14, 17
CONTRIBUTORY = {0, 10, 11, 12, 13, 30}  # 30: AMD's #SX
WITH_ERROR = {8, 10, 11, 12, 13, 14, 17, 30}
WITH_EXT = {10, 11, 12, 13}
VECTORS = [v for v in range(32) if v != 2]
RAISED = [v for v in VECTORS if v != DF]  # a double fault comes of two others only
INTERRUPT, NMI, EXCEPTION, SOFTWARE = 0, 2, 3, 4
EVENT, EVENT_ERROR, FAULT_ADDRESS, FAULT_CODE, RETURN_EIP = range(0x50, 0x55)
EIP, NEXT_EIP = 0x1000, 0x1007


def word(kind: int, vector: int, error: bool = False) -> int:
    return 1 << 31 | error << 11 | kind << 8 | vector


class Unit:
    """The unit, with one fault at a time."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def cycle(self, **inputs: Any) -> dict[str, int]:
        return await self._bench.cycle(eip=EIP, next_eip=NEXT_EIP, **inputs)

    async def put(self, number: int, value: int) -> None:
        await self.cycle(number=number, write=1, data=value)

    async def read(self, number: int) -> int:
        return (await self.cycle(number=number))["value"]

    async def fault(self, vector: int, *, error: int = 0, software: int = 0, after: int = 0, shutdown: int = 0) -> None:
        fault = {"vector": vector, "error": error, "software": software, "after": after, "shutdown": shutdown}
        await self.cycle(execute_valid=1, execute_fault=fault)

    async def resolve(self, taken: int = 0) -> dict[str, Any]:
        """One question: what was asked, and what came of it."""
        out = await self.cycle(resolve=1, taken=taken)
        came = [name for name in ("again", "dead", "deliver") if out[name]]
        assert len(came) <= 1
        return {"raised": unpack(RaisedEvent, out["raised"]), "came": came[0] if came else None, "cr2": out["cr2_write"]}


def with_unit(program: Any) -> None:
    async def run(bench: Bench) -> None:
        await program(Unit(bench))

    simulate(TrapUnit(), run)


def combined(kind: int | None, first: int, second: int) -> str:
    """What the manual's table says of ``second`` raised while ``first`` is being delivered."""
    if kind != EXCEPTION:
        return "second"
    if first == DF:
        return "shutdown" if second == PF or second in CONTRIBUTORY else "second"
    if first == PF:
        return "double" if second == PF or second in CONTRIBUTORY else "second"
    return "double" if first in CONTRIBUTORY and second in CONTRIBUTORY else "second"


def test_rf_of_the_frame_and_the_debug_exception():
    """Set for a fault, clear behind a trap, as it is for #DB and #DF (SDM vol. 3, 17.3.1.1; AMD64 APM vol. 2, 3.1.6 for #DB)."""

    async def program(unit: Unit) -> None:
        for vector in VECTORS:
            for after in (0, 1):
                for taken in (0, 1):
                    await unit.put(EVENT, 0)
                    await unit.fault(vector, after=after)
                    out = await unit.cycle(resolve=1, taken=taken)
                    kept = taken or (not after and vector in (1, DF))
                    assert out["resume_write"] == (not kept), (vector, after, taken)
                    assert kept or out["resume"] == (not after), (vector, after)
                    assert out["debug"] == (vector == 1)
        for fn in Trap:
            out = await unit.cycle(fn_valid=1, fn=int(fn))
            assert (out["resume_write"], out["resume"]) == (fn is Trap.SOFTWARE, 0), fn

    with_unit(program)


@pytest.mark.parametrize("kind", [None, INTERRUPT, NMI, EXCEPTION, SOFTWARE])
def test_all_pairs(kind):
    async def program(unit: Unit) -> None:
        for first in VECTORS if kind is not None else [0]:
            asked_for = kind == SOFTWARE or (kind == EXCEPTION and first in (3, 4))
            for second in RAISED:
                in_delivery = 0 if kind is None else word(kind, first)
                await unit.put(EVENT, in_delivery)
                await unit.put(EVENT_ERROR, 0x77)
                await unit.fault(second, error=0x1234)
                ext = int(second in WITH_EXT and kind is not None and not asked_for)
                answer = await unit.resolve()
                verdict = combined(kind, first, second)
                where = (kind, first, second, verdict)
                assert answer["raised"]["word"] == word(EXCEPTION, second, second in WITH_ERROR), where
                assert answer["raised"]["error"] == 0x1234 | ext, where
                assert answer["raised"]["shutdown"] == 0
                assert answer["cr2"] == (second == PF), where
                if verdict == "second":
                    assert answer["came"] == "deliver", where
                    assert await unit.read(EVENT) == word(EXCEPTION, second, second in WITH_ERROR)
                    assert await unit.read(EVENT_ERROR) == 0x1234 | ext
                    assert await unit.read(RETURN_EIP) == EIP
                    continue
                assert answer["came"] == "again", where
                assert await unit.read(EVENT) == in_delivery  # the extension sees what was being delivered
                answer = await unit.resolve()
                assert not answer["cr2"]
                if verdict == "double":
                    assert (answer["raised"]["word"], answer["raised"]["error"]) == (word(EXCEPTION, DF, True), 0), where
                    assert answer["came"] == "deliver"
                    assert (await unit.read(EVENT), await unit.read(EVENT_ERROR)) == (word(EXCEPTION, DF, True), 0)
                else:
                    assert answer["raised"]["shutdown"] == 1, where
                    assert answer["came"] == "dead"

    with_unit(program)


@pytest.mark.parametrize(("first", "second", "question"), [(13, 13, 1), (13, 13, 2), (PF, PF, 2), (DF, 13, 1), (DF, 13, 2), (6, 14, 1)])
def test_an_extension_that_takes_the_fault_leaves_everything_as_it_was(first, second, question):
    async def program(unit: Unit) -> None:
        await unit.put(EVENT, word(EXCEPTION, first, True))
        await unit.put(EVENT_ERROR, 0x42)
        await unit.put(RETURN_EIP, 0x99)
        await unit.fault(second, error=8)
        for n in range(question):
            answer = await unit.resolve(taken=n == question - 1)
        assert (answer["came"], answer["cr2"]) == (None, 0)
        assert await unit.read(EVENT) == word(EXCEPTION, first, True)
        assert (await unit.read(EVENT_ERROR), await unit.read(RETURN_EIP)) == (0x42, 0x99)

    with_unit(program)


def test_traps_return_behind_the_instruction_and_shutdown_is_asked_about():
    async def program(unit: Unit) -> None:
        await unit.fault(3, software=1, after=1)
        answer = await unit.resolve()
        assert (answer["raised"]["software"], answer["came"]) == (1, "deliver")
        assert await unit.read(RETURN_EIP) == NEXT_EIP
        await unit.put(EVENT, 0)
        await unit.fault(0, shutdown=1)
        answer = await unit.resolve()
        assert (answer["raised"]["shutdown"], answer["came"]) == (1, "dead")

    with_unit(program)


def test_each_stage_reports_its_faults(rng: Random):
    async def program(unit: Unit) -> None:
        for _ in range(200):
            vector, error, address = rng.choice(RAISED), rng.getrandbits(15) << 1, rng.getrandbits(32)
            await unit.put(EVENT, 0)
            await unit.put(FAULT_ADDRESS, 0x55)
            stage = rng.choice(("decode", "address", "access", "alignment"))
            if stage == "decode":
                await unit.cycle(decode_valid=1, decode_fault={"valid": 1, "vector": vector, "error": error, "address": address})
            elif stage == "address":
                await unit.cycle(address_valid=1, address_vector=vector, address_error=error)
            elif stage == "alignment":
                await unit.cycle(access_valid=1, access_alignment=1, access_error=error & 0xF, access_address=address)
                vector, error = AC, 0
            else:
                vector, error = PF, error & 0xF
                await unit.cycle(access_valid=1, access_error=error, access_address=address)
            answer = await unit.resolve()
            assert (answer["raised"]["word"] & 0xFF, answer["raised"]["error"]) == (vector, error)
            assert answer["cr2"] == (vector == PF)
            has_address = stage != "address" and vector == PF
            assert await unit.read(FAULT_ADDRESS) == (address if has_address else 0x55)
            if has_address:
                assert answer["raised"]["address"] == address

    with_unit(program)


def test_micro_ops_set_the_event():
    async def program(unit: Unit) -> None:
        for fn, event, nmi, init in (
            (Trap.SOFTWARE, word(SOFTWARE, 0x80), 0, 0), (Trap.INTERRUPT, word(INTERRUPT, 0x80), 0, 0), (Trap.NMI, word(NMI, 2), 1, 0),
            (Trap.INIT, word(NMI, 2), 0, 1),
        ):  # fmt: skip
            out = await unit.cycle(fn_valid=1, fn=fn, b=0xABCD80)
            assert (out["nmi_taken"], out["init_taken"], out["delivered"]) == (nmi, init, 0)
            out = await unit.cycle(number=EVENT)
            assert out["value"] == event
            assert (out["event_vector"], out["event_valid"]) == (event & 0xFF, 1)
            assert out["event_software"] == (event >> 8 & 7 == SOFTWARE)
            assert await unit.read(RETURN_EIP) == NEXT_EIP
        out = await unit.cycle(fn_valid=1, fn=Trap.DELIVERED)
        assert out["delivered"]
        assert not await unit.read(EVENT) >> 31
        for vector in range(32):
            await unit.put(EVENT, word(EXCEPTION, vector, bool(vector & 1)))
            out = await unit.cycle()
            assert (out["event_software"], out["event_has_error"]) == (vector in (3, 4), vector & 1)
        await unit.put(FAULT_CODE, 0x1_FFF8)
        assert (await unit.cycle(number=FAULT_CODE))["fault_code"] == 0xFFF8

    with_unit(program)
