#include "lib/pci.h"
#include "lib/cpu.h"
#include "ringfence.h"

#define DEVICES 32u
#define FUNCTIONS_OF_A_DEVICE 8u
#define CLASS_SHIFT 16 /* in the dword of REVISION */
#define HEADER_TYPE_SHIFT 16
#define MULTI_FUNCTION 0x80u
#define ABSENT 0xFFFFFFFFu

static void address(u32 function, u32 offset)
{
    out32(PORT_PCI_ADDRESS, PCI_CONFIG_ADDRESS_ENABLE | function << PCI_CONFIG_ADDRESS_FUNCTION_SHIFT | offset);
}

u32 pci_read(u32 function, u32 offset)
{
    address(function, offset);
    return in32(PORT_PCI_DATA);
}

void pci_write(u32 function, u32 offset, u32 value)
{
    address(function, offset);
    out32(PORT_PCI_DATA, value);
}

u32 pci_find(u32 class_code)
{
    for (u32 device = 0; device < DEVICES; device++) {
        u32 first = device * FUNCTIONS_OF_A_DEVICE;
        if (pci_read(first, PCI_CONFIG_VENDOR_ID) == ABSENT)
            continue; /* no device has its other functions alone */
        u32 header = pci_read(first, PCI_CONFIG_HEADER_TYPE & ~3u) >> HEADER_TYPE_SHIFT;
        for (u32 function = first; function < first + (header & MULTI_FUNCTION ? FUNCTIONS_OF_A_DEVICE : 1); function++)
            if (pci_read(function, PCI_CONFIG_REVISION) >> CLASS_SHIFT == class_code)
                return function;
    }
    return PCI_NONE;
}
