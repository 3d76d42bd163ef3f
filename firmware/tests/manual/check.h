/* Checks against the manual, for what neither QEMU nor unicorn does right: each line says what was expected. */
#ifndef CHECK_H
#define CHECK_H

#include "paging.h"

static u32 wrong, checked;
#define NONE (~0u)

/* The snippet must raise `vector` with `error`, or nothing (NONE). */
static inline void expect(const char *name, const void *code, u32 ring, u32 eax, u32 ecx, u32 vector, u32 error)
{
    attempt(code, ring, eax, ecx, 0, 0);
    checked++;
    if (outcome.vector == vector && (vector == NONE || outcome.error == error))
        return;
    wrong++;
    put("WRONG, expected ");
    if (vector == NONE)
        put("ok");
    else {
        putchar('#');
        put_hex(vector, 2);
        put_field("error", error);
    }
    put(": ");
    report(name, code);
}

static void check_value(const char *name, u32 got, u32 want)
{
    checked++;
    if (got == want)
        return;
    wrong++;
    put("WRONG, expected ");
    put_number(want);
    put(": ");
    value(name, got);
}

static int conclude(void)
{
    value("checked", checked);
    value("wrong", wrong);
    put("end\n");
    return wrong != 0;
}

#endif
