/* A small hypervisor for tests: one guest in the same flat memory, whose exits are printed as one line each.
 *
 * A guest is a snippet that ends in VMMCALL. An exception inside it that is not intercepted goes through guest_idt to a stub that ends in
 * VMMCALL as well; the line then says "took" and what the exception pushed.
 */
#ifndef SVM_H
#define SVM_H

#include "paging.h"

extern u8 vmcb[], host_vmcb[], hsave[], iopm[], msrpm[];
extern u32 guest_idt[256][2];
extern u32 guest_vector; /* of the last exception or interrupt that the guest took; ~0: none */
extern u8 guest_stack[4096];
extern struct guest_registers {
    u32 ebx, ecx, edx, esi, edi, ebp;
} guest;
extern struct tss guest_tss;
extern u32 guest_show; /* SHOW_... of the guest's registers */
extern u32 guest_exits;
extern u32 maps_used; /* set by a test that fills iopm or msrpm: guest_begin opens them again, which takes long */

void map_close(u8 *map, u32 byte, u32 bits); /* of iopm or msrpm, for the next guest alone */

#define GUEST_ESP ((u32)guest_stack + sizeof guest_stack - 64)

#define V8(field) (*(volatile u8 *)(vmcb + VMCB_##field))
#define V16(field) (*(volatile u16 *)(vmcb + VMCB_##field))
#define V32(field) (*(volatile u32 *)(vmcb + VMCB_##field))
#define V32H(field) (*(volatile u32 *)(vmcb + VMCB_##field + 4))

#define EVENT(type, vector) (EVENT_VALID | EVENT_TYPE_##type << EVENT_TYPE_SHIFT | (vector))

void svm_on(void);         /* EFER.SVME, VM_HSAVE_PA, the host's VMLOAD state */
void guest_begin(void);    /* the VMCB as for a flat 32-bit guest at CPL 0, nothing intercepted but VMRUN, VMMCALL, SHUTDOWN */
void guest_enter(void);    /* VMLOAD, VMRUN, VMSAVE, the host's VMLOAD */
void guest_line(const char *name, const void *code); /* the line of the last exit */
void guest_run(const char *name, const void *code);  /* from the start of code to the next exit, and its line */
void guest_ring(u32 ring);                           /* CPL and segments */
void put_v(const char *name, u32 got, u32 usual);    /* a field, if it is not as usual */

#define GUEST(text)                                                                                                                       \
    ({                                                                                                                                    \
        const void *snippet = SNIPPET(text "\nvmmcall");                                                                                  \
        snippet;                                                                                                                          \
    })

#endif
