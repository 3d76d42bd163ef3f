/* The driver's clients: who is there, and their requests, one of each in turn. Nothing here waits for a client. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "guests/disk_driver/requests.h"

/* The disk's partitions; clients come from partitions of the kernel numbered up to `highest`. */
void clients_init(const struct partition *partitions, int count, u32 highest);

/* Opens channels to those who ask for one; whether there is anybody who may yet, or is a client. */
int look_for_clients(void);

/* One request of that guest's, if it is a client and has one; 0 if it is none, or no more. */
int serve_client(u32 number);

#endif
