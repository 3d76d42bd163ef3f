"""The micro-op: every field an enum (design, section 5). Encodings, widths and names are declared here and nowhere else.

A *template* is what the ROM holds; its selectors may name parts of the decoded instruction. :mod:`rtl.microcode.issue` resolves it.
Inside one micro-op effects come in the order A (address), M (load or translate), X (function), W (writes): every check before every write.
"""

from amaranth.lib import data, enum

__all__ = [
    "AddressBase", "AddressSegment", "AddressSize", "Alignment", "Alu", "BUS_ONLY", "Bcd", "Bits", "Branch", "Condition", "Destination",
    "EspChange", "FaultClass", "FlagGroup", "InterceptPoint", "LABEL_WIDTH", "Memory", "MulDiv", "Privilege", "Segmentation", "Sequence",
    "Shift", "Source", "SpecialFn", "Template", "Trap", "Unit", "Width",
]  # fmt: skip

LABEL_WIDTH = 12


class Unit(enum.Enum, shape=4):
    """Which function unit computes the result."""

    ALU = 0
    SHIFT = 1
    BITS = 2
    MULDIV = 3
    BCD = 4
    SPECIAL = 5
    SEGMENTATION = 6
    BRANCH = 7
    TRAP = 8
    EXTENSION = 9  # fn is the extension's own


class Alu(enum.IntEnum, shape=5):
    """a is source 1, b source 2. 0–7 are the encodings of the opcode map, so rows give them directly."""

    ADD = 0
    OR = 1
    ADC = 2  # with EFLAGS.CF
    SBB = 3
    AND = 4
    SUB = 5
    XOR = 6
    CMP = 7  # as SUB (the destination is NONE)
    PASS = 8  # b
    NOT = 9  # not b
    NEG = 10  # 0 - b
    SEXT8 = 11  # b[7:0] sign-extended to width
    SEXT16 = 12
    ZEXT8 = 13
    ZEXT16 = 14
    SIGN = 15  # all bits = sign of b (CWD, CDQ)
    BSWAP = 16  # of b
    SETCC = 17  # 1 if the micro-op's condition holds, else 0
    CMPXCHG = 18  # flags of b - a; result = source 3 (REG) if b == a, else a


class Shift(enum.IntEnum, shape=5):
    """a is shifted by b (count, masked to 5 bits). 0–7 are the encodings of the shift group.

    SHLD and SHRD take the bits that come in from source 3 = REG.
    """

    ROL = 0
    ROR = 1
    RCL = 2
    RCR = 3
    SHL = 4
    SHR = 5
    SAL = 6
    SAR = 7
    SHLD = 8
    SHRD = 9


class Bits(enum.IntEnum, shape=5):
    """Bit instructions: a is the word, b the bit number (masked to width). CF = the bit before. BSF/BSR scan b; ZF = (b == 0)."""

    BT = 4
    BTS = 5
    BTR = 6
    BTC = 7
    BSF = 8
    BSR = 9


class MulDiv(enum.IntEnum, shape=5):
    """Low half/quotient is the result; the high half/remainder is left in a latch that HIGH reads. Division takes its dividend as
    high (source 3 = EDX, or AH for bytes: see execute.muldiv) : a, divisor b; #DE is raised by the unit. 4–7 are the group 3 encodings."""

    MUL = 4
    IMUL = 5  # signed; CF = OF = the product does not fit the low half
    DIV = 6
    IDIV = 7
    HIGH = 8  # result = the latch


class Bcd(enum.IntEnum, shape=5):
    """Adjustments of AX (b is AX, result is AX; flags set as the manual says)."""

    DAA = 0
    DAS = 1
    AAA = 2
    AAS = 3


class SpecialFn(enum.IntEnum, shape=5):
    """Special registers (number in the constant, plus Special.TARGET_SEGMENT for *_SREG) and single actions."""

    READ = 0  # result = special[constant]
    WRITE = 1  # special[constant] = b
    READ_SREG = 2  # special[constant + TARGET_SEGMENT]
    WRITE_SREG = 3
    FLAGS_READ = 4  # result = EFLAGS as PUSHF stores it (VM, RF clear)
    FLAGS_WRITE = 5  # EFLAGS bits of mask a from b; the mask comes with source 1
    CLEAR_CF = 6
    SET_CF = 7
    TOGGLE_CF = 8
    CLEAR_DF = 9
    SET_DF = 10
    CLEAR_IF = 11
    SET_IF = 12  # with the interrupt shadow, if IF was clear
    SET_SHADOW = 13
    HALT = 14  # wait until an event is pending
    READ_INDEXED = 15  # special[constant + a[3:0]]
    WRITE_INDEXED = 16  # special[constant + a[3:0]] = b


class Segmentation(enum.IntEnum, shape=5):
    """Segment register loads and descriptor arithmetic. ``constant`` is the Segment; *_SREG take it from Special.TARGET_SEGMENT.
    Descriptor: a = low double word, b = high double word."""

    LOAD = 0  # hidden part of segment[constant] = descriptor (a, b); its selector is written apart
    LOAD_SREG = 1  # of segment[TARGET_SEGMENT]
    LOAD_REAL = 2  # segment[constant]: selector = b, base = b << 4 (real mode; limit and attributes stay)
    LOAD_REAL_SREG = 3
    LOAD_NULL = 4  # segment[constant]: selector = b, attributes = 0 (not present: any use is #GP(0))
    LOAD_NULL_SREG = 5
    LIMIT_OF = 6  # result = limit in bytes of descriptor (a, b), granularity applied
    GATE_OFFSET = 7  # result = {b[31:16], a[15:0]}
    COPY = 8  # everything of segment[constant] = that of SCRATCH
    MAX_PRIVILEGE = 9  # result = max(CPL, a[1:0]): the effective privilege of selector a
    DPL_OF = 10  # result = DPL in b (b is the high double word)


class Branch(enum.IntEnum, shape=5):
    """Redirecting the instruction stream; gated by the micro-op's condition."""

    JUMP = 0  # next EIP = result of a + b, cut to the operand size, checked against CS.limit (#GP(0))
    JUMP_ABSOLUTE = 1  # next EIP = b, the same way
    CHECK_TARGET = 2  # the same check of b against SCRATCH's limit, nothing written: for far transfers


class Trap(enum.IntEnum, shape=5):
    """Raising. The vector is the constant; the error code (if the vector has one) is b."""

    RAISE = 0  # a fault, if the condition holds
    DELIVERED = 1  # the event in delivery has been delivered
    SHUTDOWN = 2
    SOFTWARE = 3  # EVENT = software interrupt, vector b[7:0]; RETURN_EIP = next EIP
    INTERRUPT = 4  # EVENT = external interrupt, vector b[7:0]; RETURN_EIP = EIP of the next instruction
    TRAP_EXCEPTION = 5  # EVENT = exception `constant` that reports the next EIP (INT3, INTO)
    NMI = 6  # EVENT = NMI; RETURN_EIP = EIP of the next instruction; the pending NMI is acknowledged and further ones are masked
    INIT = 7  # the pending INIT is acknowledged (entering `init_entry` does so too)


class Width(enum.Enum, shape=3):
    """Width of the operation: sources are cut to it, the destination merges (temporaries take the result zero-extended)."""

    B = 0
    W = 1
    D = 2
    ROW = 3  # byte if the opcode row says so, else the operand size
    OPERAND = 4  # the operand size, 16 or 32
    ADDRESS = 5  # the address size
    STACK = 6  # SS.B


class Source(enum.IntEnum, shape=5):
    """Where a source comes from. For width B, 4–7 of REG/RM/OPREG are AH, CH, DH, BH; EAX to EDI by name are then the low bytes."""

    EAX = 0
    ECX = 1
    EDX = 2
    EBX = 3
    ESP = 4
    EBP = 5
    ESI = 6
    EDI = 7
    T0 = 8
    T1 = 9
    T2 = 10
    T3 = 11
    T4 = 12
    T5 = 13
    T6 = 14
    T7 = 15
    REG = 16  # modrm.reg
    RM = 17  # modrm.rm as a register
    OPREG = 18  # low three bits of the opcode
    MEM = 19  # what this micro-op has loaded, or else the latest that loaded anything in this instruction
    IMM = 20  # immediate of the instruction (sign-extended as the row says)
    IMM2 = 21  # second immediate (selector of a far pointer, ENTER's level)
    CONST = 22  # constant of the micro-op
    EIP = 23
    NEXT_EIP = 24
    EA = 25  # offset of the effective address, cut to the address size
    ZERO = 26
    ROW_BYTES = 27  # 1, 2 or 4 by Width.ROW, negative if EFLAGS.DF: step of a string instruction
    AH = 28


class Destination(enum.IntEnum, shape=5):
    """Where the result goes; encodings as Source."""

    EAX = 0
    ECX = 1
    EDX = 2
    EBX = 3
    ESP = 4
    EBP = 5
    ESI = 6
    EDI = 7
    T0 = 8
    T1 = 9
    T2 = 10
    T3 = 11
    T4 = 12
    T5 = 13
    T6 = 14
    T7 = 15
    REG = 16
    RM = 17
    OPREG = 18
    NONE = 19
    AH = 28


class AddressBase(enum.IntEnum, shape=5):
    """Base of the address; EA is the whole addressing form of the instruction, displacement included."""

    EAX = 0
    ECX = 1
    EDX = 2
    EBX = 3
    ESP = 4
    EBP = 5
    ESI = 6
    EDI = 7
    T0 = 8
    T1 = 9
    T2 = 10
    T3 = 11
    T4 = 12
    T5 = 13
    T6 = 14
    T7 = 15
    EA = 16
    ZERO = 17


class AddressSegment(enum.IntEnum, shape=4):
    """Segment of the address: Segment's encodings, or what the instruction says."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5
    LDTR = 6
    TR = 7
    GDTR = 8
    IDTR = 9
    SCRATCH = 10
    SYSTEM = 11
    PHYSICAL = 12
    EA = 13  # of the addressing form, override included
    DATA = 14  # DS, or the override


class AddressSize(enum.Enum, shape=2):
    """How far the offset wraps."""

    INSTRUCTION = 0  # the address size
    STACK = 1  # SS.B
    NEW_STACK = 2  # SCRATCH.B
    A32 = 3


class Memory(enum.Enum, shape=4):
    """What the micro-op does to memory. Stores write the micro-op's result."""

    NONE = 0
    LOAD = 1
    STORE = 2
    READ_MODIFY_WRITE = 3  # translated once, for writing
    PROBE_WRITE = 4  # every check of a store, no store
    IN = 5  # I/O port = offset of the address (16 bits)
    OUT = 6
    ACKNOWLEDGE = 7  # interrupt acknowledge: MEM = vector
    SPECIAL_CYCLE = 8  # a write to the address (16 bits) in the bus's space of that name; no instruction of the core makes one


BUS_ONLY = (Memory.IN, Memory.OUT, Memory.ACKNOWLEDGE, Memory.SPECIAL_CYCLE)
"""What goes straight to the bus, in a space other than memory's."""


class Privilege(enum.Enum, shape=1):
    """In whose name the access is made."""

    CPL = 0
    SUPERVISOR = 1


class Alignment(enum.Enum, shape=2):
    """Where the operand may lie under the alignment check (:mod:`rtl.memory.alignment`)."""

    SIZE = 0  # at a multiple of the size of the access
    DOUBLE_WORD = 1  # at a multiple of 4
    QUADWORD = 2  # at a multiple of 8
    ANY = 3


class FaultClass(enum.Enum, shape=3):
    """What a segment-limit or rights fault of the access becomes. *_CODE report FAULT_CODE as error code."""

    NORMAL = 0  # #SS(0) for SS, else #GP(0)
    GP_CODE = 1
    TS_CODE = 2
    SS_CODE = 3
    NP_CODE = 4


class EspChange(enum.Enum, shape=2):
    """PUSH: the access is at ESP - size, and ESP becomes that. POP: at ESP, which grows by size. Width: SS.B. Undone by a fault."""

    NONE = 0
    PUSH = 1
    POP = 2


class FlagGroup(enum.Enum, shape=3):
    """Which of EFLAGS the micro-op writes."""

    NONE = 0
    ALL = 1  # what the unit computes (OF SF ZF AF PF CF; shifts and rotates leave what the manual leaves)
    NOT_CF = 2  # INC, DEC
    ZF = 3
    CF = 4


class Condition(enum.IntEnum, shape=5):
    """Conditions. Z, C, S are of this micro-op's own result; the rest look at the state before it."""

    ALWAYS = 0
    Z = 1
    NZ = 2
    C = 3
    NC = 4
    S = 5
    NS = 6
    CC = 7  # low four bits of the opcode, on EFLAGS
    PROTECTED = 8  # CR0.PE and not virtual-8086
    REAL = 9
    OPERAND32 = 10
    OPERAND16 = 11
    REP_PREFIX = 12
    NO_REP_PREFIX = 13
    REPEAT_ZF = 14  # REPE and ZF, or REPNE and not ZF (CMPS, SCAS)
    STOP_ZF = 15  # not REPEAT_ZF
    CPL0 = 16
    NOT_CPL0 = 17
    IOPL_OK = 18  # CPL <= IOPL (always in real mode)
    IOPL_LOW = 19
    FLAG_OF = 21
    NOT_EXTENSION = 22  # the extension's yes-or-no line is low
    EXTENSION = 23
    ADDRESS16 = 24
    STACK16 = 25
    EVENT_HAS_ERROR = 26
    EVENT_SOFTWARE = 27  # the event in delivery is INT n, INT3 or INTO: the gate's DPL is checked, EXT is 0
    FLAG_ZF = 28
    FLAG_NZ = 29
    FLAG_NT = 30


class Sequence(enum.Enum, shape=3):
    """What comes after. CALL remembers the next address (three deep)."""

    NEXT = 0
    LAST = 1  # the instruction ends: EIP moves on
    JUMP = 2  # to label if the condition holds, else next
    CALL = 3
    RETURN = 4
    LAST_IF = 5  # the instruction ends if the condition holds, else next


class InterceptPoint(enum.Enum, shape=6):
    """Where an extension may say yes. The micro-op is then not carried out; the extension's microprogram is called instead."""

    NONE = 0
    CR_READ = 1  # constant = number
    CR_WRITE = 2  # constant = number, a = the new value
    DR_READ = 4
    DR_WRITE = 5
    IDTR_READ = 6
    GDTR_READ = 7
    LDTR_READ = 8
    TR_READ = 9
    IDTR_WRITE = 10
    GDTR_WRITE = 11
    LDTR_WRITE = 12
    TR_WRITE = 13
    RDTSC = 14
    RDPMC = 15
    PUSHF = 16
    POPF = 17
    CPUID = 18
    RSM = 19
    IRET = 20
    SWINT = 21  # b = vector
    INVD = 22
    PAUSE = 23
    HLT = 24
    INVLPG = 25  # b = linear address
    IOIO = 26  # b = port; the extension looks at the decoded instruction for the rest
    MSR_READ = 27
    MSR_WRITE = 28
    WBINVD = 29
    ICEBP = 30
    INTR = 31
    NMI = 32
    LMSW = 34
    SMSW = 35
    EXTENSION_0 = 48  # and above: the extension's own instructions and events
    EXTENSION_1 = 49
    EXTENSION_2 = 50
    EXTENSION_3 = 51
    EXTENSION_4 = 52
    EXTENSION_5 = 53
    EXTENSION_6 = 54
    EXTENSION_7 = 55
    EXTENSION_8 = 56
    EXTENSION_9 = 57
    EXTENSION_10 = 58
    EXTENSION_11 = 59
    EXTENSION_12 = 60
    EXTENSION_13 = 61
    EXTENSION_14 = 62
    EXTENSION_15 = 63


class Template(data.Struct):
    """A word of the microcode ROM."""

    unit: Unit
    fn: 5
    fn_row: 1  # take fn from the opcode row
    width: Width
    destination: Destination
    source1: Source
    source2: Source
    constant: 32
    base: AddressBase
    displacement: 12  # signed
    segment: AddressSegment
    address_size: AddressSize
    memory: Memory
    memory_width: Width
    privilege: Privilege
    alignment: Alignment
    lock: 1
    fault_class: FaultClass
    esp: EspChange
    flags: FlagGroup
    condition: Condition
    sequence: Sequence
    label: LABEL_WIDTH
    commit: 1  # what has been written so far stands (an iteration is done): a later fault restarts from here
    interruptible: 1  # an event that waits is taken after this micro-op; EIP stays, and the instruction begins again afterwards
    intercept: InterceptPoint
    refetch: 1  # the queue is emptied after the instruction
    drain: 1  # wait until all stores have reached memory before this micro-op
