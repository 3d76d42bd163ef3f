#include "lib/vmcb.h"
#include "lib/cpu.h"
#include "lib/segments.h"

#define ATTRIBUTES_CODE 0xC9B /* 4 GiB, 32 bits, present, ring 0, execute and read, accessed */
#define ATTRIBUTES_DATA 0xC93
#define ATTRIBUTES_LDT 0x082
#define ATTRIBUTES_TSS 0x08B
#define DR6_FIXED 0xFFFF0FF0u
#define DR7_FIXED 0x400u

extern u8 gdt[];

static void segment(void *vmcb, u32 offset, u32 selector, u32 attributes, u32 limit, u32 base)
{
    *vmcb16(vmcb, offset + VMCB_SEGMENT_SELECTOR) = (u16)selector;
    *vmcb16(vmcb, offset + VMCB_SEGMENT_ATTRIB) = (u16)attributes;
    *vmcb32(vmcb, offset + VMCB_SEGMENT_LIMIT) = limit;
    *vmcb32(vmcb, offset + VMCB_SEGMENT_BASE) = base;
}

void vmcb_flat(void *vmcb, u32 eip, u32 esp)
{
    static const u16 data[] = {VMCB_ES_SELECTOR, VMCB_SS_SELECTOR, VMCB_DS_SELECTOR, VMCB_FS_SELECTOR, VMCB_GS_SELECTOR};
    for (u32 i = 0; i < VMCB_SIZE; i += 4)
        *vmcb32(vmcb, i) = 0;
    *vmcb32(vmcb, VMCB_INTERCEPT_GENERAL2) = INTERCEPT2_VMRUN;
    *vmcb32(vmcb, VMCB_ASID) = 1;
    for (u32 i = 0; i < sizeof data / sizeof *data; i++)
        segment(vmcb, data[i], KERNEL_DATA, ATTRIBUTES_DATA, 0xFFFFFFFF, 0);
    segment(vmcb, VMCB_CS_SELECTOR, KERNEL_CODE, ATTRIBUTES_CODE, 0xFFFFFFFF, 0);
    segment(vmcb, VMCB_GDTR_SELECTOR, 0, 0, 0xFFFF, (u32)gdt);
    segment(vmcb, VMCB_IDTR_SELECTOR, 0, 0, 0, 0);
    segment(vmcb, VMCB_LDTR_SELECTOR, 0, ATTRIBUTES_LDT, 0, 0);
    segment(vmcb, VMCB_TR_SELECTOR, 0, ATTRIBUTES_TSS, 0, 0);
    *vmcb32(vmcb, VMCB_EFER) = EFER_SVME;
    *vmcb32(vmcb, VMCB_CR0) = CR0_PE | 0x10;
    *vmcb32(vmcb, VMCB_DR6) = DR6_FIXED;
    *vmcb32(vmcb, VMCB_DR7) = DR7_FIXED;
    *vmcb32(vmcb, VMCB_RFLAGS) = EFLAGS_FIXED;
    *vmcb32(vmcb, VMCB_RIP) = eip;
    *vmcb32(vmcb, VMCB_RSP) = esp;
}
