/* Access to a VMCB by the offsets of contracts/vmcb.py. */
#ifndef VMCB_H
#define VMCB_H

#include "lib/types.h"
#include "ringfence.h"

static inline volatile u32 *vmcb32(void *vmcb, u32 offset) { return (volatile u32 *)((u8 *)vmcb + offset); }
static inline volatile u16 *vmcb16(void *vmcb, u32 offset) { return (volatile u16 *)((u8 *)vmcb + offset); }

/* A guest in flat ring 0, paging off, that VMRUN accepts: ASID 1, only VMRUN intercepted. */
void vmcb_flat(void *vmcb, u32 eip, u32 esp);

#endif
