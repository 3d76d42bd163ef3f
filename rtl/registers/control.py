"""Control registers, EFLAGS, CPL, the time-stamp counter and the interrupt state: special registers 40h to 4Fh and 64h to 67h.

A special register is read combinationally by number and written at the end of the cycle with ``write``. EIP and NEXT_EIP are kept by
the instruction register (:mod:`rtl.retire.instruction`), the event in delivery by :mod:`rtl.trap.unit`, segments by
:mod:`rtl.segment.registers`.

The interrupt shadow covers exactly one instruction: ``shadow`` is set by one, survives its end (which makes it ``aged``) and is
cleared at the end of the next. ``shadow_now`` says whether the present boundary is covered, or the one that would follow if the
instruction in hand ended in this cycle.
Reading TSC_LOW latches the high half, which TSC_HIGH then reads: microprograms read LOW first.
"""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.control import CR0_FIXED, CR0_WRITABLE, CR4_WRITABLE, Cr0, Cr4
from rtl.arch.flags import FIXED_ONE, WRITABLE, Bit, Eflags
from rtl.arch.registers import Mode
from rtl.arch.special import InterruptState, Special

__all__ = ["ControlRegisters"]

HOLD_COUNT = 4
PAGE_BASE = 0xFFFF_F000
CR3_WRITABLE = PAGE_BASE | 0x18  # base, PCD, PWT


class ControlRegisters(wiring.Component):
    """See the module's text. ``code32`` and ``stack32`` come from the segment registers and complete ``mode``."""

    number: In(8)
    value: Out(32)  # special[number]
    read: In(1)  # it is being read (for the latch of the time-stamp counter)
    write: In(1)
    data: In(32)
    # EFLAGS beside its special register
    flags_write: In(1)  # eflags := flags_data, as is
    flags_data: In(Eflags)
    eflags: Out(Eflags)
    resume_loaded: In(1)  # with ``flags_write``: by an instruction that loads RF
    resume_write: In(1)  # RF := resume
    resume: In(1)
    # interrupt state
    shadow_set: In(1)
    nmi_mask: In(1)  # set NMI_MASKED
    ended: In(1)  # an instruction ends in this cycle ...
    interrupted: In(1)  # ... in its midst
    between: In(1)  # the sequencer stands between two instructions
    shadow_now: Out(1)
    nmi_masked: Out(1)
    # others
    fault_write: In(1)  # CR2 := fault_address
    fault_address: In(32)
    tsc_offset: In(64)
    code32: In(1)
    stack32: In(1)
    mode: Out(Mode)
    debug_extensions: Out(1)  # CR4.DE
    alignment_check: Out(1)  # CR0.AM and EFLAGS.AC in protected mode; stage M knows which accesses that concerns
    cr0: Out(32)
    cr3: Out(32)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        cr0 = Signal(32, init=int(Cr0.CD | Cr0.NW | Cr0.ET))
        cr2, cr3, cr4 = Signal(32), Signal(32), Signal(32)
        eflags = Signal(32, init=FIXED_ONE)
        cpl = Signal(2)
        efer = Signal(32)
        sysenter = [Signal(32, name=f"sysenter_{n}") for n in ("cs", "esp", "eip")]
        hold = [Signal(32, name=f"hold_{i}") for i in range(HOLD_COUNT)]
        shadow, aged, nmi_masked = Signal(), Signal(), Signal()
        resume_stays = Signal()  # the instruction in hand has loaded RF
        counter, counted, high = Signal(64), Signal(64), Signal(32)

        m.d.sync += counter.eq(counter + 1)
        m.d.comb += counted.eq(counter + self.tsc_offset)
        with m.If(self.read & (self.number == Special.TSC_LOW)):
            m.d.sync += high.eq(counted[32:])

        m.d.comb += [
            self.eflags.eq(eflags), self.cr0.eq(cr0), self.cr3.eq(cr3), self.nmi_masked.eq(nmi_masked),
            self.mode.pe.eq((cr0 & int(Cr0.PE)).any()), self.mode.pg.eq((cr0 & int(Cr0.PG)).any()),
            self.mode.wp.eq((cr0 & int(Cr0.WP)).any()),
            self.mode.pse.eq((cr4 & int(Cr4.PSE)).any()), self.mode.pge.eq((cr4 & int(Cr4.PGE)).any()),
            self.mode.cpl.eq(cpl), self.mode.code32.eq(self.code32), self.mode.stack32.eq(self.stack32),
            self.debug_extensions.eq((cr4 & int(Cr4.DE)).any()),
            self.mode.vm.eq(Eflags(eflags).vm),
            self.alignment_check.eq((cr0 & int(Cr0.AM)).any() & Eflags(eflags).ac & self.mode.pe),
            self.shadow_now.eq(shadow & (self.between | ~aged)),
        ]  # fmt: skip

        plain = {
            Special.CR2: cr2, Special.EFER: efer, Special.CPL: cpl,
            Special.SYSENTER_CS: sysenter[0], Special.SYSENTER_ESP: sysenter[1], Special.SYSENTER_EIP: sysenter[2],
            **{Special(Special.HOLD_0 + i): h for i, h in enumerate(hold)},
        }  # fmt: skip
        with m.Switch(self.number):
            for number, register in {
                **plain, Special.CR0: cr0, Special.CR3: cr3, Special.CR4: cr4, Special.EFLAGS: eflags,
                Special.TSC_LOW: counted[:32], Special.TSC_HIGH: high, Special.INTERRUPT_STATE: Cat(shadow, nmi_masked),
            }.items():  # fmt: skip
                with m.Case(number):
                    m.d.comb += self.value.eq(register)

        with m.If(self.ended):
            m.d.sync += aged.eq(shadow)
            with m.If(aged):
                m.d.sync += [shadow.eq(0), aged.eq(0)]
        # An instruction that lies in a shadow casts none: of a run of them only the first is sure to hold interrupts off (Intel SDM vol. 2,
        # MOV and STI), lest a run of any length holds them off.
        with m.If(self.shadow_set & ~(shadow & aged)):
            m.d.sync += [shadow.eq(1), aged.eq(self.ended)]
        with m.If(self.nmi_mask):
            m.d.sync += nmi_masked.eq(1)
        with m.If(self.fault_write):
            m.d.sync += cr2.eq(self.fault_address)
        with m.If(self.flags_write):
            m.d.sync += eflags.eq((self.flags_data.as_value() & WRITABLE) | FIXED_ONE)
        # RF covers one instruction, and the rest of one that was left in its midst.
        with m.If(self.ended & (self.interrupted | ~resume_stays)):
            m.d.sync += eflags[Bit.RF].eq(self.interrupted)
        with m.If(self.ended | self.resume_loaded):
            m.d.sync += resume_stays.eq(~self.ended)
        with m.If(self.resume_write):
            m.d.sync += eflags[Bit.RF].eq(self.resume)

        with m.If(self.write):
            with m.Switch(self.number):
                for number, register in plain.items():
                    with m.Case(number):
                        m.d.sync += register.eq(self.data)
                with m.Case(Special.CR0):
                    m.d.sync += cr0.eq((self.data & int(CR0_WRITABLE)) | int(CR0_FIXED))
                with m.Case(Special.CR3):
                    m.d.sync += cr3.eq(self.data & CR3_WRITABLE)
                with m.Case(Special.CR4):
                    m.d.sync += cr4.eq(self.data & int(CR4_WRITABLE))
                with m.Case(Special.EFLAGS):
                    m.d.sync += eflags.eq((self.data & WRITABLE) | FIXED_ONE)
                with m.Case(Special.TSC_HIGH):
                    m.d.sync += high.eq(self.data)
                with m.Case(Special.TSC_LOW):
                    m.d.sync += counter.eq(Cat(self.data, high))
                with m.Case(Special.INTERRUPT_STATE):
                    new_shadow = (self.data & int(InterruptState.SHADOW)).any()
                    m.d.sync += [
                        shadow.eq(new_shadow), aged.eq(Mux(self.ended, new_shadow, Const(0))),
                        nmi_masked.eq((self.data & int(InterruptState.NMI_MASKED)).any()),
                    ]  # fmt: skip
        return m
