"""The VMCB against the manual's table, typed a second time (AMD64 APM vol. 2, appendix B)."""

from contracts.vmcb import (
    CONTROL_SIZE,
    EVENT_ERROR_VALID,
    EVENT_VALID,
    FIELDS,
    SEGMENTS,
    SIZE,
    CrIntercept,
    EventType,
    General1,
    General2,
    InterruptControl,
    SegmentPart,
    TlbControl,
    field,
    segment,
)

__all__: list[str] = []

CONTROL = """
000 2 INTERCEPT_CR_READ    002 2 INTERCEPT_CR_WRITE   004 2 INTERCEPT_DR_READ    006 2 INTERCEPT_DR_WRITE
008 4 INTERCEPT_EXCEPTIONS 00C 4 INTERCEPT_GENERAL1   010 4 INTERCEPT_GENERAL2   040 8 IOPM_BASE_PA
048 8 MSRPM_BASE_PA        050 8 TSC_OFFSET           058 4 ASID                 05C 1 TLB_CONTROL
060 4 INT_CONTROL          064 1 INT_VECTOR           068 8 INTERRUPT_SHADOW     070 8 EXITCODE
078 8 EXITINFO1            080 8 EXITINFO2            088 8 EXITINTINFO          090 8 NP_ENABLE
0A8 8 EVENTINJ             0B0 8 N_CR3                0B8 8 LBR_VIRT_ENABLE      0C0 4 CLEAN_BITS
0C8 8 NRIP
"""
SAVE = """
4CB 1 CPL    4D0 8 EFER   548 8 CR4    550 8 CR3    558 8 CR0    560 8 DR7   568 8 DR6   570 8 RFLAGS   578 8 RIP
5D8 8 RSP    5F8 8 RAX    600 8 STAR   608 8 LSTAR  610 8 CSTAR  618 8 SFMASK   620 8 KERNEL_GS_BASE
628 8 SYSENTER_CS   630 8 SYSENTER_ESP   638 8 SYSENTER_EIP   640 8 CR2   668 8 G_PAT   670 8 DEBUGCTL
"""
SEGMENT_TABLE = "400 ES 410 CS 420 SS 430 DS 440 FS 450 GS 460 GDTR 470 LDTR 480 IDTR 490 TR"
GENERAL1 = (
    "INTR NMI SMI INIT VINTR CR0_SEL_WRITE IDTR_READ GDTR_READ LDTR_READ TR_READ IDTR_WRITE GDTR_WRITE LDTR_WRITE TR_WRITE RDTSC RDPMC "
    "PUSHF POPF CPUID RSM IRET SWINT INVD PAUSE HLT INVLPG INVLPGA IOIO MSR TASK_SWITCH FERR SHUTDOWN"
)
GENERAL2 = "VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT RDTSCP ICEBP WBINVD MONITOR MWAIT MWAIT_CONDITIONAL XSETBV"


def table(text: str) -> dict[str, tuple[int, int]]:
    words = text.split()
    return {words[n + 2]: (int(words[n], 16), int(words[n + 1])) for n in range(0, len(words), 3)}


def test_every_field_lies_where_the_manual_has_it():
    words = SEGMENT_TABLE.split()
    bases = {words[n + 1]: int(words[n], 16) for n in range(0, len(words), 2)}
    assert bases == SEGMENTS
    wanted = table(CONTROL) | table(SAVE)
    for name, base in bases.items():
        wanted |= {f"{name}_SELECTOR": (base, 2), f"{name}_ATTRIB": (base + 2, 2), f"{name}_LIMIT": (base + 4, 4)}
        wanted[f"{name}_BASE"] = (base + 8, 8)
    assert {name: (f.offset, f.size) for name, f in FIELDS.items()} == wanted
    assert all(f.name == name for name, f in FIELDS.items())


def test_fields_do_not_overlap_and_keep_to_their_area():
    spans = sorted((f.offset, f.offset + f.size, name) for name, f in FIELDS.items())
    for (_, end, one), (start, _, other) in zip(spans, spans[1:], strict=False):
        assert end <= start, (one, other)
    assert (SIZE, CONTROL_SIZE) == (0x1000, 0x400)
    assert spans[-1][1] <= SIZE
    for name in table(CONTROL):
        assert FIELDS[name].offset + FIELDS[name].size <= CONTROL_SIZE, name


def test_bits():
    assert [General1(n).name for n in range(32)] == GENERAL1.split()
    assert [bit.name for bit in General2] == GENERAL2.split()
    assert [int(bit) for bit in General2] == list(range(14))
    assert {bit.name: int(bit) for bit in CrIntercept} == {"CR0": 1, "CR2": 4, "CR3": 8, "CR4": 16}
    assert {c.name: int(c) for c in TlbControl} == {"NOTHING": 0, "ALL": 1, "ASID": 3, "ASID_NON_GLOBAL": 7}
    assert {t.name: int(t) for t in EventType} == {"INTR": 0, "NMI": 2, "EXCEPTION": 3, "SOFTWARE": 4}
    assert (EVENT_VALID, EVENT_ERROR_VALID) == (1 << 31, 1 << 11)
    control = {"V_TPR": 0xFF, "V_IRQ": 1 << 8, "V_INTR_PRIO": 0xF_0000, "V_IGN_TPR": 1 << 20, "V_INTR_MASKING": 1 << 24}
    assert {name: int(InterruptControl[name]) for name in control} == control
    assert len(InterruptControl.__members__) == len(control)


def test_lookups():
    assert field("EXITCODE").offset == 0x70
    assert segment("TR", SegmentPart.BASE).offset == 0x498
    assert segment("CS", SegmentPart.ATTRIB) == FIELDS["CS_ATTRIB"]
