/* What the attacks share. Each is an attempt, and an allowed access of the same kind that must work afterwards (../attacks/). */
#ifndef ATTACKER_H
#define ATTACKER_H

#include "guests/kernel/paging.h"
#include "guests/kernel/traps.h"
#include "lib/cpu.h"
#include "lib/platform.h"
#include "lib/string.h"
#include "attack_table.h"
#include "guest_layout.h"

#define WINDOW 0x80000000u      /* linear addresses that nothing else uses */
#define ALIAS 0x84000000u
#define LARGE_WINDOW 0x90000000u
#define TABLE_WINDOW 0xA0000000u
#define LOOT_WORDS 8
#define VICTIM_OFFSET (TRUSTED_VICTIM - TRUSTED_PAGE)
#define SPINS_A_LOOP 16 /* what a fault or an exit costs, in rounds of spin() */

struct record {
    u32 magic, attack, stage, fault, fault_address, status, allowed, entry;
    u32 mark, unused[7];
    u32 loot[16];
};

/* At RESULT_ADDRESS (../layout.py). */
static volatile struct record *const record = (volatile struct record *)RESULT_ADDRESS;

/* A page of the attacker's own, with OWN_MARK in its first word. */
extern u32 own_page[1024];

/* Copies LOOT_WORDS words into the record. */
void loot(const volatile u32 *from);

/* Instructions to waste: "spin=N" on the command line. */
u32 spin_count(void);
void spin(void);

/* The partition that pages and devices are given to: "partition=N". */
u32 other_partition(void);

/* Runs entry(argument) as a process in ring 3; its result. */
u32 run_in_ring_3(void (*entry)(u32), u32 argument);

/* The timer and its interrupt controller. Early: the first tick is to have come before the attempt. */
void life_set_timer(void);

/* Starts the processes that count; returns when they have run. Interrupts stay off. */
void life_begin(void);

/* Waits until the timer has ticked, if it does, and lets in what has waited. */
void life_until_tick(void);

/* From here on they are to go on: live() waits until the timer and each process have. Interrupts are on meanwhile, and off afterwards. */
void life_from_here(void);
void live(void);

/* The guest's own timer or interrupt controller is not as life_begin left it. */
void life_is_disturbed(void);

/* DMA engine 0, set up by need. */
u32 need_dma(void);

/* 1 if the guest's own timer interrupts it; used by several attacks on time as the allowed access. */
int interrupt_own(u32 target);

/* 1 if own_page is mapped at WINDOW and holds what it should; used by several attacks as the allowed access. */
int map_own(u32 target);

#endif
