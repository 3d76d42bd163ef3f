/* What the files of the disk's client share. */
#ifndef CLIENT_H
#define CLIENT_H

#include "lib/types.h"
#include "lib/virtual_disk.h"

extern struct virtual_disk disk;
extern u8 page[];

/* Goes at the disk, its driver, or its other clients, as the name says; the program's status. */
int attack(const char *name);

#endif
