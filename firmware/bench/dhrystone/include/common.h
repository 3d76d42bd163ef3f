/* What Dhrystone's sources expect of U-Boot's headers. */
#ifndef COMMON_H
#define COMMON_H

char *strcpy(char *to, const char *from);
int strcmp(const char *a, const char *b);
int printf(const char *format, ...);

#endif
