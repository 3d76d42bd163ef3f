"""The opcode map: every instruction of the core, each opcode once. Labels are those of rtl/microcode/programs."""

from rtl.decode.row import Immediate, Row

__all__ = ["ROWS"]

_NAMES = ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp")
_CMP = 7
_BYTE_AND_WORD = ((0, True), (1, False))


def _arithmetic() -> list[Row]:
    """00–3F: the eight operations, and group 1 (80, 81, 82, 83)."""
    rows = []
    for n in range(len(_NAMES)):
        kind = "cmp" if n == _CMP else "alu"
        lock = n != _CMP
        for bit, byte in _BYTE_AND_WORD:
            base = n << 3 | bit
            rows += [
                Row(base, f"{kind}_rm_r_r", f"{kind}_rm_r_m", modrm=True, fn=n, byte=byte, lock=lock),
                Row(base | 2, f"{kind}_r_rm_r", f"{kind}_r_rm_m", modrm=True, fn=n, byte=byte),
                Row(base | 4, f"{kind}_acc_imm", fn=n, byte=byte, immediate=Immediate.ROW),
            ]
        for opcode, byte, immediate in (
            (0x80, True, Immediate.ROW),
            (0x81, False, Immediate.ROW),
            (0x82, True, Immediate.ROW),
            (0x83, False, Immediate.BYTE_SIGNED),
        ):
            rows.append(
                Row(opcode, f"{kind}_rm_imm_r", f"{kind}_rm_imm_m", modrm=True, reg=n, fn=n, byte=byte, immediate=immediate, lock=lock)
            )
    return rows


def _pairs() -> list[Row]:
    """Opcodes that come as a byte form and, one higher, a word form."""
    rows = []
    for bit, byte in _BYTE_AND_WORD:
        mul = "8" if byte else ""
        rows += [
            Row(0x84 | bit, "test_rm_r_r", "test_rm_r_m", modrm=True, byte=byte),
            Row(0x86 | bit, "xchg_r", "xchg_m", modrm=True, byte=byte, lock=True),
            Row(0x88 | bit, "mov_rm_r_r", "mov_rm_r_m", modrm=True, byte=byte),
            Row(0x8A | bit, "mov_r_rm_r", "mov_r_rm_m", modrm=True, byte=byte),
            Row(0xA0 | bit, "mov_acc_moffs", byte=byte, immediate=Immediate.OFFSET),
            Row(0xA2 | bit, "mov_moffs_acc", byte=byte, immediate=Immediate.OFFSET),
            Row(0xA4 | bit, "movs", byte=byte),
            Row(0xA6 | bit, "cmps", byte=byte),
            Row(0xA8 | bit, "test_acc_imm", byte=byte, immediate=Immediate.ROW),
            Row(0xAA | bit, "stos", byte=byte),
            Row(0xAC | bit, "lods", byte=byte),
            Row(0xAE | bit, "scas", byte=byte),
            Row(0xC6 | bit, "mov_rm_imm_r", "mov_rm_imm_m", modrm=True, reg=0, byte=byte, immediate=Immediate.ROW),
            Row(0xF6 | bit, "test_rm_imm_r", "test_rm_imm_m", modrm=True, reg=0, byte=byte, immediate=Immediate.ROW),
            Row(0xF6 | bit, "test_rm_imm_r", "test_rm_imm_m", modrm=True, reg=1, byte=byte, immediate=Immediate.ROW),
            Row(0xF6 | bit, "not_r", "not_m", modrm=True, reg=2, byte=byte, lock=True),
            Row(0xF6 | bit, "neg_r", "neg_m", modrm=True, reg=3, byte=byte, lock=True),
            Row(0xFE | bit, "inc_r", "inc_m", modrm=True, reg=0, byte=byte, lock=True),
            Row(0xFE | bit, "dec_r", "dec_m", modrm=True, reg=1, byte=byte, lock=True),
            Row(0x6C | bit, "ins", byte=byte),
            Row(0x6E | bit, "outs", byte=byte),
            Row(0xE4 | bit, "in_imm", byte=byte, immediate=Immediate.BYTE),
            Row(0xE6 | bit, "out_imm", byte=byte, immediate=Immediate.BYTE),
            Row(0xEC | bit, "in_dx", byte=byte),
            Row(0xEE | bit, "out_dx", byte=byte),
            Row(0x0FB0 | bit, "cmpxchg_r", "cmpxchg_m", modrm=True, byte=byte, lock=True),
            Row(0x0FC0 | bit, "xadd_r", "xadd_m", modrm=True, byte=byte, lock=True),
        ]
        rows += [Row(0xF6 | bit, f"mul{mul}_r", f"mul{mul}_m", modrm=True, reg=n, fn=n, byte=byte) for n in (4, 5)]
        rows += [Row(0xF6 | bit, f"div{mul}_r", f"div{mul}_m", modrm=True, reg=n, fn=n, byte=byte) for n in (6, 7)]
        for n in range(8):
            rows += [
                Row(0xC0 | bit, "shift_imm_r", "shift_imm_m", modrm=True, reg=n, fn=n, byte=byte, immediate=Immediate.BYTE),
                Row(0xD0 | bit, "shift_1_r", "shift_1_m", modrm=True, reg=n, fn=n, byte=byte),
                Row(0xD2 | bit, "shift_cl_r", "shift_cl_m", modrm=True, reg=n, fn=n, byte=byte),
            ]
    return rows


def _by_register() -> list[Row]:
    """Opcodes whose low three bits name a register or a condition."""
    rows = []
    for r in range(8):
        rows += [
            Row(0x40 | r, "inc_opreg"),
            Row(0x48 | r, "dec_opreg"),
            Row(0x50 | r, "push_opreg"),
            Row(0x58 | r, "pop_opreg"),
            Row(0x90 | r, "xchg_acc" if r else "nop"),
            Row(0xB0 | r, "mov_opreg_imm", byte=True, immediate=Immediate.ROW),
            Row(0xB8 | r, "mov_opreg_imm", immediate=Immediate.ROW),
            Row(0xD8 | r, "esc", "esc", modrm=True),
            Row(0x0FC8 | r, "bswap"),
        ]
    for cc in range(16):
        rows += [
            Row(0x70 | cc, "jcc", immediate=Immediate.BYTE_SIGNED),
            Row(0x0F80 | cc, "jcc", immediate=Immediate.REL),
            Row(0x0F90 | cc, "setcc_r", "setcc_m", modrm=True, byte=True),
        ]
    return rows


_ONE_BYTE = (
    Row(0x06, "push_es"), Row(0x07, "pop_es"), Row(0x0E, "push_cs"), Row(0x16, "push_ss"), Row(0x17, "pop_ss"),
    Row(0x1E, "push_ds"), Row(0x1F, "pop_ds"),
    Row(0x27, "bcd", fn=0), Row(0x2F, "bcd", fn=1), Row(0x37, "bcd", fn=2), Row(0x3F, "bcd", fn=3),
    Row(0x60, "pusha"), Row(0x61, "popa"), Row(0x62, None, "bound_m", modrm=True),
    Row(0x63, "arpl_r", "arpl_m", modrm=True, protected_only=True),
    Row(0x68, "push_imm", immediate=Immediate.ROW), Row(0x6A, "push_imm", immediate=Immediate.BYTE_SIGNED),
    Row(0x69, "imul3_r", "imul3_m", modrm=True, immediate=Immediate.ROW),
    Row(0x6B, "imul3_r", "imul3_m", modrm=True, immediate=Immediate.BYTE_SIGNED),
    Row(0x8D, None, "lea_m", modrm=True), Row(0x8F, "pop_rm_r", "pop_rm_m", modrm=True, reg=0),
    Row(0x98, "cbw"), Row(0x99, "cwd"), Row(0x9A, "call_far_imm", immediate=Immediate.FAR), Row(0x9B, "fwait"),
    Row(0x9C, "pushf"), Row(0x9D, "popf"), Row(0x9E, "sahf"), Row(0x9F, "lahf"),
    Row(0xC2, "ret_imm", immediate=Immediate.WORD), Row(0xC3, "ret"),
    Row(0xC4, None, "les_m", modrm=True), Row(0xC5, None, "lds_m", modrm=True),
    Row(0xC8, "enter", immediate=Immediate.WORD_BYTE), Row(0xC9, "leave"),
    Row(0xCA, "ret_far_imm", immediate=Immediate.WORD), Row(0xCB, "ret_far"),
    Row(0xCC, "int3"), Row(0xCD, "int_n", immediate=Immediate.BYTE), Row(0xCE, "into"), Row(0xCF, "iret"),
    Row(0xD4, "aam", immediate=Immediate.BYTE), Row(0xD5, "aad", immediate=Immediate.BYTE), Row(0xD7, "xlat"),
    Row(0xE0, "loopne", immediate=Immediate.BYTE_SIGNED), Row(0xE1, "loope", immediate=Immediate.BYTE_SIGNED),
    Row(0xE2, "loop", immediate=Immediate.BYTE_SIGNED), Row(0xE3, "jcxz", immediate=Immediate.BYTE_SIGNED),
    Row(0xE8, "call_rel", immediate=Immediate.REL), Row(0xE9, "jmp_rel", immediate=Immediate.REL),
    Row(0xEA, "jmp_far_imm", immediate=Immediate.FAR), Row(0xEB, "jmp_rel", immediate=Immediate.BYTE_SIGNED),
    Row(0xF1, "icebp"), Row(0xF4, "hlt"), Row(0xF5, "cmc"), Row(0xF8, "clc"), Row(0xF9, "stc"), Row(0xFA, "cli"), Row(0xFB, "sti"),
    Row(0xFC, "cld"), Row(0xFD, "std"),
    Row(0xFF, "call_r", "call_m", modrm=True, reg=2), Row(0xFF, None, "call_far_m", modrm=True, reg=3),
    Row(0xFF, "jmp_r", "jmp_m", modrm=True, reg=4), Row(0xFF, None, "jmp_far_m", modrm=True, reg=5),
    Row(0xFF, "push_rm_r", "push_rm_m", modrm=True, reg=6),
)  # fmt: skip

_SEGMENT_MOVES = (
    *(Row(0x8C, "mov_r_sreg", "mov_m_sreg", modrm=True, reg=n) for n in range(6)),
    *(Row(0x8E, "mov_sreg_r", "mov_sreg_m", modrm=True, reg=n) for n in (0, 3, 4, 5)),
    Row(0x8E, "mov_ss_r", "mov_ss_m", modrm=True, reg=2),
)

_TWO_BYTE = (
    Row(0x0F00, "sldt_r", "sldt_m", modrm=True, reg=0, protected_only=True),
    Row(0x0F00, "str_r", "str_m", modrm=True, reg=1, protected_only=True),
    Row(0x0F00, "lldt_r", "lldt_m", modrm=True, reg=2, protected_only=True),
    Row(0x0F00, "ltr_r", "ltr_m", modrm=True, reg=3, protected_only=True),
    Row(0x0F00, "verr_r", "verr_m", modrm=True, reg=4, protected_only=True),
    Row(0x0F00, "verw_r", "verw_m", modrm=True, reg=5, protected_only=True),
    Row(0x0F01, None, "sgdt_m", modrm=True, reg=0), Row(0x0F01, None, "sidt_m", modrm=True, reg=1),
    Row(0x0F01, None, "lgdt_m", modrm=True, reg=2), Row(0x0F01, None, "lidt_m", modrm=True, reg=3),
    Row(0x0F01, "smsw_r", "smsw_m", modrm=True, reg=4), Row(0x0F01, "lmsw_r", "lmsw_m", modrm=True, reg=6),
    Row(0x0F01, None, "invlpg_m", modrm=True, reg=7),
    Row(0x0F02, "lar_r", "lar_m", modrm=True, protected_only=True), Row(0x0F03, "lsl_r", "lsl_m", modrm=True, protected_only=True),
    Row(0x0F06, "clts"), Row(0x0F08, "invd"), Row(0x0F09, "wbinvd"),
    *(Row(0x0F20, f"mov_r_cr{n}", modrm=True, reg=n, ignore_mod=True) for n in (0, 2, 3, 4)),
    Row(0x0F21, "mov_r_dr", modrm=True, ignore_mod=True), Row(0x0F23, "mov_dr_r", modrm=True, ignore_mod=True),
    *(Row(0x0F22, f"mov_cr{n}_r", modrm=True, reg=n, ignore_mod=True) for n in (0, 2, 3, 4)),
    Row(0x0F30, "wrmsr"), Row(0x0F31, "rdtsc"), Row(0x0F32, "rdmsr"), Row(0x0F33, "rdpmc"), Row(0x0FAA, "rsm"),
    Row(0x0FA0, "push_fs"), Row(0x0FA1, "pop_fs"), Row(0x0FA2, "cpuid"),
    Row(0x0FA8, "push_gs"), Row(0x0FA9, "pop_gs"),
    Row(0x0FA3, "bt_reg_r", "bt_reg_m", modrm=True, fn=4), Row(0x0FAB, "btx_reg_r", "btx_reg_m", modrm=True, fn=5, lock=True),
    Row(0x0FB3, "btx_reg_r", "btx_reg_m", modrm=True, fn=6, lock=True), Row(0x0FBB, "btx_reg_r", "btx_reg_m", modrm=True, fn=7, lock=True),
    Row(0x0FBA, "bt_imm_r", "bt_imm_m", modrm=True, reg=4, fn=4, immediate=Immediate.BYTE),
    *(Row(0x0FBA, "btx_imm_r", "btx_imm_m", modrm=True, reg=n, fn=n, immediate=Immediate.BYTE, lock=True) for n in (5, 6, 7)),
    Row(0x0FA4, "shxd_imm_r", "shxd_imm_m", modrm=True, fn=8, immediate=Immediate.BYTE),
    Row(0x0FA5, "shxd_cl_r", "shxd_cl_m", modrm=True, fn=8),
    Row(0x0FAC, "shxd_imm_r", "shxd_imm_m", modrm=True, fn=9, immediate=Immediate.BYTE),
    Row(0x0FAD, "shxd_cl_r", "shxd_cl_m", modrm=True, fn=9),
    Row(0x0FAF, "imul2_r", "imul2_m", modrm=True),
    Row(0x0FB2, None, "lss_m", modrm=True), Row(0x0FB4, None, "lfs_m", modrm=True), Row(0x0FB5, None, "lgs_m", modrm=True),
    Row(0x0FB6, "movzx8_r", "movzx8_m", modrm=True), Row(0x0FB7, "movzx16_r", "movzx16_m", modrm=True),
    Row(0x0FBE, "movsx8_r", "movsx8_m", modrm=True), Row(0x0FBF, "movsx16_r", "movsx16_m", modrm=True),
    Row(0x0FBC, "bsx_r", "bsx_m", modrm=True, fn=8), Row(0x0FBD, "bsx_r", "bsx_m", modrm=True, fn=9),
    Row(0x0FC7, None, "cmpxchg8b_m", modrm=True, reg=1, lock=True),
)  # fmt: skip

ROWS: tuple[Row, ...] = (*_arithmetic(), *_pairs(), *_by_register(), *_ONE_BYTE, *_SEGMENT_MOVES, *_TWO_BYTE)
