/*
 * Dhrystone 2.1, timed by RDTSC: "runs=N" (default 200) after a few to warm up. Prints the cycles; status 1 if a final value is not what
 * the benchmark says it should be. Runs natively and as a guest.
 */
#include "lib/cpu.h"
#include "lib/platform.h"
#include "dhry.h"

#define DEFAULT_RUNS 200
#define WARM_UP 5
#define HEAP_SIZE 256
#define FAILED_VALUES 1

extern Rec_Pointer Ptr_Glob, Next_Ptr_Glob;
extern int Int_Glob, Arr_1_Glob[50], Arr_2_Glob[50][50];
extern Boolean Bool_Glob;
extern char Ch_1_Glob, Ch_2_Glob;

static u32 heap[HEAP_SIZE / 4], heap_used;

void *malloc(unsigned size)
{
    void *p = heap + heap_used;
    heap_used += (size + 3) / 4;
    return p;
}

int printf(const char *format, ...)
{
    (void)format;
    return 0;
}

/* dhry() makes one run less than it is told. */
static void run(u32 runs)
{
    heap_used = 0;
    Arr_2_Glob[8][7] = 0;
    dhry((int)runs + 1);
}

static u32 wrong_values(u32 runs)
{
    u32 wrong = 0;
    wrong += Int_Glob != 5;
    wrong += Bool_Glob != 1;
    wrong += Ch_1_Glob != 'A';
    wrong += Ch_2_Glob != 'B';
    wrong += Arr_1_Glob[8] != 7;
    wrong += (u32)Arr_2_Glob[8][7] != runs + 10;
    wrong += Ptr_Glob->Discr != 0 || Next_Ptr_Glob->Discr != 0;
    wrong += Ptr_Glob->variant.var_1.Enum_Comp != 2 || Next_Ptr_Glob->variant.var_1.Enum_Comp != 1;
    wrong += Ptr_Glob->variant.var_1.Int_Comp != 17 || Next_Ptr_Glob->variant.var_1.Int_Comp != 18;
    wrong += Ptr_Glob->Ptr_Comp != Next_Ptr_Glob->Ptr_Comp;
    return wrong;
}

int main(void)
{
    u32 runs = parameter("runs", DEFAULT_RUNS);
    run(WARM_UP);
    u64 begin = time_stamp();
    run(runs);
    u64 cycles = time_stamp() - begin;
    u32 wrong = wrong_values(runs);
    print("dhrystone: %u runs, %u cycles, %u wrong values\n", runs, (u32)cycles, wrong);
    return wrong || cycles >> 32 ? FAILED_VALUES : 0;
}
