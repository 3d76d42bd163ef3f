#ifndef MALLOC_H
#define MALLOC_H

void *malloc(unsigned size);

#endif
