/* The first line of the screen: a program outside of guest mode has ring -1's authority and writes it, as any BIOS can; a guest of its own, in
 * ring 0, reaches nothing of it, nor does DMA. The screen below is anybody's but DMA's. */
#include "svm.h"

#define MINE 0x1F /* white on blue */
#define FORGED 0x4F584F58 /* twice an X in white on red */
#define NORMAL 0x07

static volatile u32 *const line = (volatile u32 *)(PHYSICAL_TRUSTED_LINE + TRUSTED_LINE_CELLS);
static u32 descriptor[4] __attribute__((aligned(16)));
static u32 buffer[4] __attribute__((aligned(16)));

static void write_line(const char *text)
{
    u32 n, cell;
    for (n = 0; n < TRUSTED_LINE_CELLS_COUNT; n++) {
        cell = *text ? *(const u8 *)text++ : ' ';
        cell |= (*text ? *(const u8 *)text++ : (u32)' ') << 16;
        line[n] = cell | MINE << 8 | MINE << 24;
    }
}

static volatile u32 *engine(u32 offset) { return (volatile u32 *)(PHYSICAL_DMA_ENGINES + offset); }

static void copy(const char *name, u32 from, u32 to)
{
    descriptor[DESCRIPTOR_WORD_SOURCE] = from;
    descriptor[DESCRIPTOR_WORD_DESTINATION] = to;
    descriptor[DESCRIPTOR_WORD_LENGTH] = sizeof buffer;
    descriptor[DESCRIPTOR_WORD_FLAGS] = DESCRIPTOR_FLAG_LAST;
    *engine(DMA_ENGINE_DESCRIPTOR) = (u32)descriptor;
    *engine(DMA_ENGINE_CONTROL) = DMA_ENGINE_CONTROL_START;
    while (*engine(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_BUSY)
        ;
    put(name);
    putchar(':');
    put_field("status", *engine(DMA_ENGINE_STATUS));
    if (*engine(DMA_ENGINE_STATUS) & DMA_ENGINE_STATUS_ERROR)
        put_field("at", *engine(DMA_ENGINE_ERROR_ADDRESS));
    newline();
    *engine(DMA_ENGINE_STATUS) = *engine(DMA_ENGINE_STATUS);
}

static void guest_does(const char *name, const void *code)
{
    guest_begin();
    guest.edi = (u32)line;
    guest.esi = PHYSICAL_SCREEN;
    guest_show = SHOW_EAX;
    guest_run(name, code);
}

int main(void)
{
    u32 n;
    put("line\n");
    svm_on();
    write_line("The machine's own word");
    value("it reads", line[0]);
    guest_does("a guest writes it", GUEST("movl $0x4F584F58, %eax\nmovl $40, %ecx\ncld\nrep stosl"));
    guest_does("by bytes", GUEST("movb $0x58, (%edi)\nmovb $0x4F, 1(%edi)\nxorl %eax, %eax"));
    guest_does("reads it", GUEST("movl (%edi), %eax"));
    guest_does("writes the screen", GUEST("movl $0x07420741, (%esi)\nmovl (%esi), %eax"));
    for (n = 0; n < 4; n++)
        buffer[n] = FORGED;
    copy("dma to the line", (u32)buffer, (u32)line);
    copy("dma to the screen", (u32)buffer, PHYSICAL_SCREEN);
    buffer[0] = 0;
    copy("dma from the screen", PHYSICAL_SCREEN, (u32)buffer);
    value("it brings", buffer[0]);
    copy("dma in memory", (u32)buffer + 4, (u32)buffer);
    value("it brings", buffer[0]);
    value("the screen is", *(volatile u32 *)PHYSICAL_SCREEN);
    put("end\n");
    return 0;
}
