#include "lib/platform.h"
#include "lib/cpu.h"
#include "lib/string.h"

#define BOOT_INFO_MEMORY 1u
#define BOOT_INFO_COMMAND_LINE 4u
#define COM1_LCR (PORT_COM1 + 3)
#define COM1_LSR (PORT_COM1 + 5)
#define LSR_EMPTY 0x20
#define COMMAND_LINE_SIZE 512
#define LINE_SIZE 160

static int hosted;
static u32 memory, information, machine_base;
static char *loaders_command_line;
static char command_line[COMMAND_LINE_SIZE];
static char line[LINE_SIZE];
static u32 line_used;

int above_isolation_kernel(void) { return hosted; }

u32 machine_address(const void *physical) { return machine_base + (u32)physical; }

u32 boot_information(void) { return information; }

u32 memory_size(void) { return memory; }

int hypercall(u32 number, u32 ebx, u32 ecx, u32 edx)
{
    int result;
    asm volatile("vmmcall" : "=a"(result) : "a"(number), "b"(ebx), "c"(ecx), "d"(edx), "S"(0) : "memory");
    return result;
}

static void copy_command_line(void)
{
    u32 n = 0;
    for (; n < COMMAND_LINE_SIZE - 1 && loaders_command_line[n]; n++)
        command_line[n] = loaders_command_line[n];
    command_line[n] = 0;
}

void platform_init(u32 boot_magic, const u32 *boot_info)
{
    struct cpuid id = cpuid(CPUID_LEAF_SIGNATURE);
    u32 signature[3] = {id.ebx, id.ecx, id.edx};
    hosted = memcmp(signature, "RingfenceIK1", sizeof signature) == 0;
    if (hosted) {
        machine_base = cpuid(CPUID_LEAF_MEMORY).eax;
    } else {
        out8(COM1_LCR, 0x80); /* 115,200 baud, 8N1 */
        out8(PORT_COM1, 1);
        out8(PORT_COM1 + 1, 0);
        out8(COM1_LCR, 0x03);
    }
    information = (u32)boot_info;
    if (boot_magic != MULTIBOOT_BOOTLOADER_MAGIC)
        return;
    if (boot_info[0] & BOOT_INFO_MEMORY)
        memory = (boot_info[2] + 1024) << 10;
    if (boot_info[0] & BOOT_INFO_COMMAND_LINE) {
        loaders_command_line = (char *)boot_info[4];
        copy_command_line();
    }
}

int receive_command_line(void)
{
    if (!hosted || !loaders_command_line)
        return 0;
    int size = hypercall(HYPERCALL_RECEIVE, (u32)loaders_command_line, COMMAND_LINE_SIZE - 1, 0);
    if (size < 0)
        return 0;
    loaders_command_line[size] = 0;
    copy_command_line();
    return 1;
}

static const char *find_parameter(const char *name)
{
    u32 length = strlen(name);
    for (const char *p = command_line; *p; p++)
        if ((p == command_line || p[-1] == ' ') && memcmp(p, name, length) == 0 && p[length] == '=')
            return p + length + 1;
    return NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

u32 parameter(const char *name, u32 otherwise)
{
    const char *p = find_parameter(name);
    if (!p)
        return otherwise;
    u32 base = 10, value = 0;
    if (p[0] == '0' && (p[1] | 0x20) == 'x')
        base = 16, p += 2;
    for (; digit(*p) < (int)base; p++)
        value = value * base + (u32)digit(*p);
    return value;
}

u32 text_parameter(const char *name, char *text, u32 size)
{
    const char *p = find_parameter(name);
    u32 n = 0;
    for (; p && p[n] && p[n] != ' ' && n < size - 1; n++)
        text[n] = p[n];
    text[n] = 0;
    return n;
}

void finish(u32 status)
{
    if (hosted)
        hypercall(HYPERCALL_SHUTDOWN, status, 0, 0);
    out8(PORT_EXIT, (u8)status);
    for (;;)
        asm volatile("cli; hlt");
}

void console_write(const char *text, u32 size)
{
    if (hosted) {
        hypercall(HYPERCALL_CONSOLE_WRITE, (u32)text, size, 0);
        return;
    }
    for (; size; size--, text++) {
        while (!(in8(COM1_LSR) & LSR_EMPTY))
            ;
        out8(PORT_COM1, (u8)*text);
    }
}

static void put(char c)
{
    line[line_used++] = c;
    if (c == '\n' || line_used == LINE_SIZE) {
        console_write(line, line_used);
        line_used = 0;
    }
}

static void put_decimal(u32 value)
{
    char digits[10];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        put(digits[--n]);
}

void print(const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        if (*++format == '%') {
            put('%');
            continue;
        }
        u32 value = __builtin_va_arg(arguments, u32);
        switch (*format) {
        case 'd':
            if ((int)value < 0)
                put('-');
            put_decimal((int)value < 0 ? -value : value);
            break;
        case 'u':
            put_decimal(value);
            break;
        case 'x':
            for (int shift = 28; shift >= 0; shift -= 4)
                put("0123456789abcdef"[value >> shift & 15]);
            break;
        case 's':
            for (const char *s = (const char *)value; *s; s++)
                put(*s);
            break;
        case 'c':
            put((char)value);
            break;
        }
    }
    __builtin_va_end(arguments);
}
