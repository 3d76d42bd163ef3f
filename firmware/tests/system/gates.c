/* Call gates, interrupt and trap gates, and IRET, between all rings: stack switch by the TSS, copied parameters, error codes. */
#include "rt.h"

/* The target of the gates: records CS, CPL's stack and parameters, and returns to recover through INT 80h. */
__asm__(".text\n.globl gate_target, gate_target_ret, gate_target_16\n"
        "gate_target:\n movl %cs, %eax\n movl %ss, %edx\n pushfl\n popl %ebx\n andl $0x300, %ebx\n movl (%esp), %esi\n movl 4(%esp), %ecx\n"
        " movl 8(%esp), %edi\n int $0x80\n"
        "gate_target_ret:\n movl %cs, %ecx\n lret\n"
        ".globl gate_target_ds\ngate_target_ds:\n movl $0x10, %eax\n movl %eax, %ds\n lret\n"
        "gate_target_ret8:\n movl %cs, %ecx\n lret $8\n.globl gate_target_ret8\n"
        ".code16\ngate_target_16:\n movl %cs, %eax\n movl %ss, %edx\n xorl %esi, %esi\n popw %si\n movzwl %sp, %edi\n int $0x80\n.code32\n");
extern char gate_target[], gate_target_ret[], gate_target_ret8[], gate_target_ds[], gate_target_16[];

#define GATE SEL_TEST(0)
#define CONF SEL_TEST(1)
#define CODE16(r) SEL_TEST(2 + (r))
#define SHORT_CODE(r) SEL_TEST(12 + (r))

static void gate(u32 selector, void *offset, u32 access, u32 params) { set_gate(gdt, GATE >> 3, selector, (u32)offset, access, params); }

static const void *call_gate, *jmp_gate;

static void call(const char *name, u32 ring)
{
    run(name, call_gate, ring, 0x11111111, 0x22222222, 0x33333333, 0x44444444);
}

static void calls(void)
{
    u32 r, target;
    show = SHOW_EAX | SHOW_ECX | SHOW_EDX | SHOW_EBX;
    for (r = 0; r < 4; r++)
        for (target = 0; target <= r; target++) {
            gate(SEL_CODE(target), gate_target, ACC(3, T_CALL32), 2);
            put_number(r);
            put(" to ");
            put_number(target);
            call("", r);
            tss.esp0 &= ~3u;
        }
    show = 0;
    gate(SEL_CODE(3), gate_target, ACC(3, T_CALL32), 0);
    call("call to an outer ring", 0);
    gate(SEL_CODE(0), gate_target, ACC(0, T_CALL32), 0);
    call("gate's DPL too low", 3);
    gate(SEL_CODE(0), gate_target, ACC_NP(3, T_CALL32), 0);
    call("gate not present", 3);
    gate(SEL_CODE(0), gate_target, ACC_NP(0, T_CALL32), 0);
    call("gate not present and DPL too low", 3);
    gate(0, gate_target, ACC(3, T_CALL32), 0);
    call("null selector in the gate", 3);
    gate(SEL_DATA(0), gate_target, ACC(3, T_CALL32), 0);
    call("data selector in the gate", 3);
    gate(0x800, gate_target, ACC(3, T_CALL32), 0);
    call("selector beyond the table in the gate", 3);
    set_segment(SEL_TEST(10), 0, 0xFFFFF, ACC_NP(0, T_CODE_RX), FL_G | FL_B);
    gate(SEL_TEST(10), gate_target, ACC(3, T_CALL32), 0);
    call("code not present", 3);
    gate(SEL_CODE(0), gate_target, ACC(3, T_CALL32), 0);
    run("jmp through a gate to an inner ring", jmp_gate, 3, 0, 0, 0, 0);
    show = SHOW_EAX | SHOW_EDX;
    gate(SEL_CODE(0), gate_target, ACC(0, T_CALL32), 0);
    run("jmp through a gate, same ring", jmp_gate, 0, 0, 0, 0, 0);
    set_segment(CONF, 0, 0xFFFFF, ACC(0, T_CODE_CONF_RX), FL_G | FL_B);
    gate(CONF, gate_target, ACC(3, T_CALL32), 0);
    call("conforming code keeps the ring", 3);
    run("jmp through a gate to conforming code", jmp_gate, 3, 0, 0, 0, 0);
    run("the same with 16-bit operands", SNIPPET("data16 ljmp $0x58, $0"), 3, 0, 0, 0, 0);
    set_segment(CONF, 0, 0xFFFF, ACC(0, T_CODE_CONF_RX), FL_B);
    run("beyond its limit", jmp_gate, 3, 0, 0, 0, 0);
    run("beyond its limit with 16-bit operands", SNIPPET("data16 ljmp $0x58, $0"), 3, 0, 0, 0, 0);
}

static void stacks(void)
{
    u32 ss0 = tss.ss0, ss1 = tss.ss1;
    show = 0;
    gate(SEL_CODE(1), gate_target, ACC(3, T_CALL32), 0);
    tss.ss1 = 0;
    call("inner SS null", 3);
    tss.ss1 = SEL_DATA(0);
    call("inner SS of the wrong ring", 3);
    tss.ss1 = SEL_CODE(1);
    call("inner SS is code", 3);
    tss.ss1 = 0x801;
    call("inner SS beyond the table", 3);
    set_segment(SEL_TEST(11), 0, 0xFFFFF, ACC(1, T_DATA_R), FL_G | FL_B);
    tss.ss1 = SEL_TEST(11) | 1;
    call("inner SS read-only", 3);
    set_segment(SEL_TEST(11), 0, 0xFFFFF, ACC_NP(1, T_DATA_RW), FL_G | FL_B);
    call("inner SS not present", 3);
    set_segment(SHORT_CODE(1), 0, 0xFFFF, ACC(1, T_CODE_RX), FL_B); /* gate_target lies beyond */
    gate(SHORT_CODE(1), gate_target, ACC(3, T_CALL32), 0);
    tss.ss1 = SEL_DATA(0);
    call("inner SS of the wrong ring, and EIP beyond the limit", 3);
    tss.ss1 = ss1;
    call("inner SS right, EIP beyond the limit", 3);
    tss.ss0 = ss0;
    tss.ss1 = ss1;
}

static void returns(void)
{
    show = SHOW_EAX | SHOW_ECX;
    gate(SEL_CODE(0), gate_target_ret, ACC(3, T_CALL32), 0);
    run("call and return", SNIPPET("movl %esp, %eax\nlcall $0x58, $0\nsubl %esp, %eax"), 3, 0, 0, 0, 0);
    gate(SEL_CODE(1), gate_target_ret8, ACC(3, T_CALL32), 2);
    run("with two parameters", SNIPPET("movl %esp, %eax\npushl $1\npushl $2\nlcall $0x58, $0\nsubl %esp, %eax"), 3, 0, 0, 0, 0);
    gate(SEL_CODE(0), gate_target_ret, ACC(3, T_CALL32), 0);
    gate(SEL_CODE(0), gate_target_ds, ACC(3, T_CALL32), 0);
    run("return clears DS that the outer ring may not have",
        SNIPPET("lcall $0x58, $0\nmovl %ds, %eax\nmovl %ss, %edx\nmovl %edx, %ds"), 3, 0, 0, 0, 0);
    run("lret to an inner ring", SNIPPET("pushl $8\npushl $gate_target\nlret"), 3, 0, 0, 0, 0);
    run("lret to a null selector", SNIPPET("pushl $0\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("lret to data", SNIPPET("pushl $0x10\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("lret to ring 3, SS of ring 0", SNIPPET("pushl $0x10\npushl %esp\npushl $0x3b\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("lret to ring 3", SNIPPET("movl %esp, %ecx\npushl $0x43\npushl %ecx\npushl $0x3b\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("iret to ring 1", SNIPPET("movl %esp, %ecx\npushl $0x21\npushl %ecx\npushl $0x3202\npushl $0x19\npushl $gate_target\niret"), 0, 0, 0, 0, 0);
    run("iret to an inner ring", SNIPPET("pushfl\npushl $8\npushl $gate_target\niret"), 3, 0, 0, 0, 0);
    run("iret in ring 3 leaves IF and IOPL", SNIPPET("pushl $0x3202\npushl $0x3b\npushl $1f\niret\n1:pushfl\npopl %eax\nandl $0x3200, %eax"), 3, 0, 0, 0, 0);
    run("iret to not present", SNIPPET("pushfl\npushl $0xa8\npushl $gate_target\niret"), 0, 0, 0, 0, 0);
    set_segment(SHORT_CODE(3), 0, 0xFFFF, ACC(3, T_CODE_RX), FL_B);
    set_segment(SEL_TEST(11), 0, 0xFFFFF, ACC_NP(3, T_DATA_RW), FL_G | FL_B);
    run("lret to ring 3, SS of ring 0, and EIP beyond the limit", SNIPPET("pushl $0x10\npushl %esp\npushl $0xd3\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("lret to ring 3, SS not present, and EIP beyond the limit", SNIPPET("pushl $0xb3\npushl %esp\npushl $0xd3\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("lret to ring 3, EIP beyond the limit", SNIPPET("pushl $0x43\npushl %esp\npushl $0xd3\npushl $gate_target\nlret"), 0, 0, 0, 0, 0);
    run("iret to ring 3, SS of ring 0, and EIP beyond the limit", SNIPPET("pushl $0x10\npushl %esp\npushl $2\npushl $0xd3\npushl $gate_target\niret"), 0, 0, 0, 0, 0);
    run("iret to ring 3, EIP beyond the limit", SNIPPET("pushl $0x43\npushl %esp\npushl $2\npushl $0xd3\npushl $gate_target\niret"), 0, 0, 0, 0, 0);
    run("iretw to a 16-bit segment", SNIPPET("movl $gate_target_16, %edx\npushw $0\npushw $0x68\npushw %dx\niretw"), 0, 0, 0, 0, 0);
}

static void interrupts(void)
{
    u32 r, target;
    const void *int_40 = SNIPPET("int $0x40");
    show = SHOW_EAX | SHOW_EDX | SHOW_EBX;
    snippet_flags = 0x202;
    for (r = 0; r < 4; r++)
        for (target = 0; target <= r; target++) {
            set_gate(idt, 0x40, SEL_CODE(target), (u32)gate_target, ACC(3, r & 1 ? T_INT32 : T_TRAP32), 0);
            put_number(r);
            put(" to ");
            put_number(target);
            run("", int_40, r, 0, 0, 0, 0);
        }
    snippet_flags = 2;
    show = 0;
    set_gate(idt, 0x40, SEL_CODE(0), (u32)gate_target, ACC(0, T_INT32), 0);
    run("int through a gate of DPL 0", int_40, 3, 0, 0, 0, 0);
    set_gate(idt, 0x40, SEL_CODE(0), (u32)gate_target, ACC_NP(3, T_INT32), 0);
    run("int through a gate not present", int_40, 3, 0, 0, 0, 0);
    set_gate(idt, 0x40, SEL_CODE(3), (u32)gate_target, ACC(3, T_INT32), 0);
    run("int to an outer ring", int_40, 0, 0, 0, 0, 0);
    set_gate(idt, 0x40, 0, (u32)gate_target, ACC(3, T_INT32), 0);
    run("int to a null selector", int_40, 0, 0, 0, 0, 0);
    set_gate(idt, 0x40, SEL_DATA(0), (u32)gate_target, ACC(3, T_INT32), 0);
    run("int to data", int_40, 0, 0, 0, 0, 0);
    set_gate(idt, 0x40, SEL_CODE(0), (u32)gate_target, ACC(3, T_CALL32), 0);
    run("int through a call gate", int_40, 0, 0, 0, 0, 0);
    run("int beyond the idt", SNIPPET("subl $8, %esp\nmovw $0x207, (%esp)\nmovl $idt, 2(%esp)\nlidt (%esp)\naddl $8, %esp\nint $0x60"), 0, 0, 0, 0, 0);
    __asm__ volatile("lidt idt_pointer");
    run("divide error in ring 3", SNIPPET("xorl %ecx, %ecx\ndivl %ecx"), 3, 0, 0, 0, 0);
    run("int3 in ring 3", SNIPPET("nop\nint3"), 3, 0, 0, 0, 0);
    run("into in ring 3", SNIPPET("movb $0x7f, %al\nincb %al\ninto"), 3, 0, 0, 0, 0);
    set_gate(idt, 5, SEL_CODE(0), (u32)trap_stubs + 16 * 5, ACC(0, T_INT32), 0);
    run("bound in ring 3, gate of DPL 0", SNIPPET("pushl $1\npushl $0\nmovl $5, %eax\nbound %eax, (%esp)"), 3, 0, 0, 0, 0);
}

int main(void)
{
    u32 r;
    put("gates\n");
    call_gate = SNIPPET("pushl $0xAAAA1111\npushl $0xBBBB2222\nlcall $0x58, $0x12345678");
    jmp_gate = SNIPPET("ljmp $0x58, $0");
    for (r = 0; r < 4; r++)
        set_segment(CODE16(r), (u32)gate_target_16 & ~0xFFFFu, 0xFFFF, ACC(r, T_CODE_RX), 0);
    calls();
    put("stacks\n");
    stacks();
    put("returns\n");
    returns();
    put("interrupts\n");
    interrupts();
    put("16-bit gates\n");
    show = SHOW_EAX | SHOW_EDX;
    for (r = 1; r < 4; r++) {
        set_gate(gdt, GATE >> 3, CODE16(0), (u32)gate_target_16 & 0xFFFF, ACC(3, T_CALL16), 1);
        run("16-bit call gate", SNIPPET("pushl $0xAAAA1111\nlcall $0x58, $0"), r, 0, 0, 0, 0);
        set_gate(idt, 0x40, CODE16(0), (u32)gate_target_16 & 0xFFFF, ACC(3, T_INT16), 0);
        run("16-bit interrupt gate", SNIPPET("int $0x40"), r, 0, 0, 0, 0);
    }
    put("end\n");
    return 0;
}
