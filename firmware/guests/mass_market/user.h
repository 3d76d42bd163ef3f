/* The ring-3 programs. Each takes `work` and ends with a result that main.c prints. */
#ifndef USER_H
#define USER_H

#include "lib/types.h"
#include "ringfence.h"

NORETURN void user_sieve(u32 work);
NORETURN void user_sort(u32 work);
NORETURN void user_churn(u32 work);

#define SIEVE_LIMIT(work) (1000 * (work))
#define SORT_WORDS(work) (64 * (work))
#define SORT_STRIDE 40 /* words from one to the next, so that they lie on several pages */
#define CHURN_PAGES 4
#define CHURN_ROUNDS(work) (4 * (work))

#endif
