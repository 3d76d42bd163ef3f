/* PCI configuration space by mechanism 1 (contracts/pci.py), bus 0. */
#ifndef PCI_H
#define PCI_H

#include "lib/types.h"

#define PCI_NONE 0xFFFFFFFFu

/* A function is named by bits 15:8 of CONFIG_ADDRESS: device number and function number. Offsets are those of whole words. */
u32 pci_read(u32 function, u32 offset);
void pci_write(u32 function, u32 offset, u32 value);

/* The first function of that base class and subclass (16 bits), or PCI_NONE. */
u32 pci_find(u32 class_code);

#endif
