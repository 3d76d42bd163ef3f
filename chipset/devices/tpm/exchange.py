"""A command and its answer, as the FIFO interface moves them: idle, ready, reception, execution, completion."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.port import TpmAnswer, TpmOpCode, TpmRequest
from contracts.tpm import BUFFER_SIZE, BURST, HASH_LOCALITY, SIZE_END, SIZE_START

__all__ = ["Exchange", "ExchangeState", "Order"]


class Order(data.Struct):
    """What STS is told, in one cycle."""

    ready: 1
    go: 1
    retry: 1
    clear_establishment: 1


class ExchangeState(data.Struct):
    """What STS shows."""

    ready: 1
    expect: 1
    available: 1
    burst: range(BURST + 1)


class Exchange(wiring.Component):
    """Keeps the command until it is whole and let go, then its answer until the next command.

    A command that runs cannot be stopped; when it is ended its answer is dropped as it comes.

    Members
    -------
    order : In(Order), of the locality that has the TPM; ``clear_establishment`` is passed on while no command is under way
    put, put_data : In, a byte for the FIFO, one that is not expected is dropped; take : In(1), the next byte of the answer, out of
        ``take_data`` Out(8): FFh where there is none
    state : Out(ExchangeState)
    locality : In(2), in whose name commands are sent
    end : In(1), end what is under way, hold still; rest : Out(1), there is nothing
    request : stream of TpmRequest, Out; answer_valid, answer : In; awaited : Out(1)
    """

    order: In(Order)
    put: In(1)
    put_data: In(8)
    take: In(1)
    take_data: Out(8)
    state: Out(ExchangeState)
    locality: In(range(HASH_LOCALITY))
    end: In(1)
    rest: Out(1)
    request: Out(stream.Signature(TpmRequest))
    answer_valid: In(1)
    answer: In(TpmAnswer)
    awaited: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request = self.request.payload
        count = Signal(range(BUFFER_SIZE + 1))  # bytes in the buffer
        place = Signal(range(BUFFER_SIZE + 1))  # of the byte that is read next
        dropped = Signal()  # nobody waits for the answer any more
        again = Signal()  # whoever has ended it is ready for the next command
        size = Signal(8 * (SIZE_END - SIZE_START))  # of the command, as its header says

        m.submodules.buffer = buffer = memory.Memory(shape=8, depth=BUFFER_SIZE, init=[])
        write_port = buffer.write_port()
        read_port = buffer.read_port(transparent_for=[write_port])
        next_place = Signal.like(place)
        m.d.comb += [next_place.eq(place), read_port.addr.eq(next_place), read_port.en.eq(1), write_port.addr.eq(count)]
        m.d.sync += place.eq(next_place)

        expect = Signal()
        left = Signal.like(count)
        room = Signal.like(count)
        m.d.comb += [
            expect.eq((count < SIZE_END) | ((count < size) & (count < BUFFER_SIZE))),
            left.eq(count - place),
            self.take_data.eq(0xFF),
            request.locality.eq(self.locality),
            request.data.eq(read_port.data),
            request.mask.eq(1),
        ]

        def burst(value: Signal) -> Signal:
            return Mux(value > BURST, BURST, value)

        def ended(*, at_once: bool) -> None:
            """By ``order.ready`` or ``end``."""
            for condition, is_ready in ((self.order.ready, True), (self.end, False)):
                with m.If(condition):
                    if at_once:
                        m.next = "READY" if is_ready else "IDLE"
                    else:
                        m.d.sync += [dropped.eq(1), again.eq(is_ready)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.rest.eq(1)
                with m.If(self.order.ready):
                    m.next = "READY"
                with m.If(self.order.clear_establishment):
                    m.d.sync += again.eq(self.order.ready)
                    m.next = "CLEAR"
            with m.State("READY"):
                m.d.comb += [self.state.ready.eq(1), self.state.burst.eq(BURST), next_place.eq(0)]
                m.d.sync += [count.eq(0), dropped.eq(0)]
                with m.If(self.put):
                    m.d.comb += [write_port.addr.eq(0), write_port.data.eq(self.put_data), write_port.en.eq(1)]
                    m.d.sync += count.eq(1)
                    m.next = "RECEPTION"
                ended(at_once=True)
                with m.If(self.order.clear_establishment):
                    m.d.sync += again.eq(1)
                    m.next = "CLEAR"
            with m.State("RECEPTION"):
                m.d.comb += [self.state.expect.eq(expect), room.eq(BUFFER_SIZE - count), self.state.burst.eq(burst(room))]
                with m.If(self.put & expect):
                    m.d.comb += [write_port.data.eq(self.put_data), write_port.en.eq(1)]
                    m.d.sync += count.eq(count + 1)
                    with m.If((count >= SIZE_START) & (count < SIZE_END)):
                        m.d.sync += size.eq(Cat(self.put_data, size))
                with m.If(self.order.go & ~expect):
                    m.next = "SEND"
                ended(at_once=True)
            with m.State("SEND"):
                m.d.comb += [self.request.valid.eq(1), request.op.eq(TpmOpCode.COMMAND), request.last.eq(left == 1)]
                with m.If(self.request.ready):
                    m.d.comb += next_place.eq(place + 1)
                    with m.If(left == 1):
                        m.d.sync += count.eq(0)
                        m.next = "EXECUTION"
                ended(at_once=False)
            with m.State("EXECUTION"):
                m.d.comb += [self.awaited.eq(1), next_place.eq(0), write_port.data.eq(self.answer.data)]
                with m.If(self.answer_valid):
                    with m.If(count != BUFFER_SIZE):
                        m.d.comb += write_port.en.eq(1)
                        m.d.sync += count.eq(count + 1)
                    with m.If(self.answer.last):
                        m.next = "COMPLETION"
                ended(at_once=False)
            with m.State("COMPLETION"):
                m.d.comb += [self.state.available.eq(left != 0), self.state.burst.eq(burst(left))]
                with m.If(dropped):
                    m.d.comb += self.state.eq(0)
                    m.next = "IDLE"
                    with m.If(again):
                        m.next = "READY"
                with m.Else():
                    with m.If(left != 0):
                        m.d.comb += self.take_data.eq(read_port.data)
                        with m.If(self.take):
                            m.d.comb += next_place.eq(place + 1)
                    with m.If(self.order.retry):
                        m.d.comb += next_place.eq(0)
                ended(at_once=True)
            with m.State("CLEAR"):
                m.d.comb += [self.request.valid.eq(1), request.op.eq(TpmOpCode.CLEAR_ESTABLISHMENT), request.last.eq(1)]
                with m.If(self.request.ready):
                    m.next = "IDLE"
                    with m.If(again):
                        m.next = "READY"
        return m
