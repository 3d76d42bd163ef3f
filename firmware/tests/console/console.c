/* Keyboard, mouse and text display as Linux drives them: first by polling what the controller and its devices say, and the display's registers
 * and memory; then, after "ready", keys and movements by IRQ 1 and IRQ 12 until Escape: each is a line, and letters appear on the screen. */
#include "rt.h"

#define PIC_EOI 0x20
#define VECTORS 0x20 /* of IRQ 0 */
#define ESCAPE 0x01 /* its scan code in set 1 */
#define ENTER 0x1C
#define GREY 0x07
#define QUEUE 256

static volatile u16 *const cells = (volatile u16 *)PHYSICAL_SCREEN;
static u32 cursor;
static volatile u8 queue[QUEUE], of_mouse[QUEUE];
static volatile u32 put_in, taken_out;

/* The controller. */

static void wait_write(void)
{
    while (inb(PORT_KBC_STATUS) & KBC_STATUS_INPUT_FULL)
        ;
}

static void command(u32 byte)
{
    wait_write();
    outb(PORT_KBC_STATUS, (u8)byte);
}

static void write(u32 byte)
{
    wait_write();
    outb(PORT_KBC_DATA, (u8)byte);
}

static void flush(void)
{
    while (inb(PORT_KBC_STATUS) & KBC_STATUS_OUTPUT_FULL)
        inb(PORT_KBC_DATA);
}

/* A byte to read, and " m" behind it if it is the mouse's. */
static void show_next(void)
{
    u32 status;
    while (!((status = inb(PORT_KBC_STATUS)) & KBC_STATUS_OUTPUT_FULL))
        ;
    putchar(' ');
    put_hex(inb(PORT_KBC_DATA), 2);
    if (status & KBC_STATUS_MOUSE)
        putchar('m');
}

static void ask(const char *name, u32 code)
{
    put(name);
    putchar(':');
    command(code);
    show_next();
    newline();
}

static void set_command_byte(u32 value)
{
    command(KBC_WRITE_COMMAND_BYTE);
    write(value);
}

static void loop(const char *name, u32 code, u32 byte)
{
    put(name);
    putchar(':');
    command(code);
    write(byte);
    show_next();
    newline();
}

/* A byte to a device, and as many to read. */
static void tell(u32 mouse, u32 byte, u32 answers)
{
    if (mouse)
        command(KBC_WRITE_MOUSE);
    write(byte);
    while (answers--)
        show_next();
}

static void device(const char *name, u32 mouse, u32 byte, u32 answers)
{
    put(name);
    putchar(':');
    tell(mouse, byte, answers);
    newline();
}

static void device_with(const char *name, u32 mouse, u32 byte, u32 parameter, u32 answers)
{
    put(name);
    putchar(':');
    tell(mouse, byte, 1);
    tell(mouse, parameter, answers);
    newline();
}

static void probe(void)
{
    command(KBC_DISABLE_KEYBOARD);
    command(KBC_DISABLE_MOUSE);
    flush();
    ask("self test", KBC_SELF_TEST);
    set_command_byte(KBC_COMMAND_BYTE_SYSTEM | KBC_COMMAND_BYTE_KEYBOARD_DISABLED | KBC_COMMAND_BYTE_MOUSE_DISABLED);
    ask("command byte", KBC_READ_COMMAND_BYTE);
    ask("keyboard's port", KBC_TEST_KEYBOARD);
    ask("mouse's port", KBC_TEST_MOUSE);
    loop("keyboard's loop", KBC_LOOP_KEYBOARD, 0x5A);
    loop("mouse's loop", KBC_LOOP_MOUSE, 0xA5);
    command(KBC_ENABLE_MOUSE);
    ask("mouse enabled", KBC_READ_COMMAND_BYTE);
    command(KBC_ENABLE_KEYBOARD);
    ask("keyboard enabled", KBC_READ_COMMAND_BYTE);
    device("keyboard's reset", 0, KEYBOARD_RESET, 2);
    device("its name", 0, KEYBOARD_IDENTIFY, 3);
    device("echo", 0, KEYBOARD_ECHO, 1);
    device_with("scan code set", 0, KEYBOARD_SCAN_CODE_SET, 0, 2);
    device_with("lights", 0, KEYBOARD_SET_LEDS, 2, 1);
    device_with("repeating", 0, KEYBOARD_SET_TYPEMATIC, 0x2B, 1);
    device("enabled", 0, KEYBOARD_ENABLE, 1);
    device("mouse's reset", 1, MOUSE_RESET, 3);
    device("its name", 1, MOUSE_IDENTIFY, 2);
    device("its status", 1, MOUSE_STATUS, 4);
    device_with("resolution", 1, MOUSE_SET_RESOLUTION, 3, 1);
    device_with("rate", 1, MOUSE_SET_RATE, 80, 1);
    device("scale", 1, MOUSE_SCALE_2_TO_1, 1);
    device("its status", 1, MOUSE_STATUS, 4);
    device("scale", 1, MOUSE_SCALE_1_TO_1, 1);
    device("enabled", 1, MOUSE_ENABLE, 1);
    device("its status", 1, MOUSE_STATUS, 4);
}

/* The display. */

static void set_crtc(u32 index, u32 value)
{
    outb(VGA_CRTC, (u8)index);
    outb(VGA_CRTC_DATA, (u8)value);
}

static u32 crtc(u32 index)
{
    outb(VGA_CRTC, (u8)index);
    return inb(VGA_CRTC_DATA);
}

static void place_cursor(u32 cell)
{
    cursor = cell;
    set_crtc(CRTC_CURSOR_HIGH, cell >> 8);
    set_crtc(CRTC_CURSOR_LOW, cell & 0xFF);
}

static u32 attribute(u32 index)
{
    u32 found;
    inb(VGA_INPUT_STATUS); /* an index comes next */
    outb(VGA_ATTRIBUTE, (u8)(index | 0x20)); /* and the palette's ports stay with the screen */
    found = inb(VGA_ATTRIBUTE_DATA);
    inb(VGA_INPUT_STATUS);
    return found;
}

static void set_attribute(u32 index, u32 value)
{
    inb(VGA_INPUT_STATUS);
    outb(VGA_ATTRIBUTE, (u8)(index | 0x20));
    outb(VGA_ATTRIBUTE, (u8)value);
}

static void print_at(u32 cell, const char *text, u32 colours)
{
    while (*text)
        cells[cell++] = (u16)(*(const u8 *)text++ | colours << 8);
}

static void display(void)
{
    u32 n;
    for (n = 0; n < VGA_COLUMNS * VGA_ROWS; n++)
        cells[n] = ' ' | GREY << 8;
    print_at(2 * VGA_COLUMNS + 10, "A console", 0x1E);
    value("cells", cells[2 * VGA_COLUMNS + 10]);
    *(volatile u8 *)(PHYSICAL_SCREEN + 2 * 5) = '#';
    *(volatile u32 *)(PHYSICAL_SCREEN + 2 * 6) = 0x4F214E21;
    value("a byte of one", cells[5]);
    value("two at once", *(volatile u32 *)(PHYSICAL_SCREEN + 2 * 6));
    for (n = 1; n; n <<= 1)
        if ((*(volatile u32 *)(PHYSICAL_SCREEN + VGA_SCREEN_BYTES - 4) = n, *(volatile u32 *)(PHYSICAL_SCREEN + VGA_SCREEN_BYTES - 4)) != n)
            put("a bit is lost\n");
    set_crtc(CRTC_CURSOR_START, 0);
    set_crtc(CRTC_CURSOR_END, 15);
    value("cursor from", crtc(CRTC_CURSOR_START));
    value("cursor to", crtc(CRTC_CURSOR_END));
    set_crtc(CRTC_START_HIGH, 0x07);
    set_crtc(CRTC_START_LOW, 0xD0);
    value("screen from", crtc(CRTC_START_HIGH) << 8 | crtc(CRTC_START_LOW));
    set_crtc(CRTC_START_HIGH, 0);
    set_crtc(CRTC_START_LOW, 0);
    place_cursor(4 * VGA_COLUMNS);
    value("cursor at", crtc(CRTC_CURSOR_HIGH) << 8 | crtc(CRTC_CURSOR_LOW));
    value("index", inb(VGA_CRTC));
    set_attribute(VGA_ATTRIBUTE_MODE, attribute(VGA_ATTRIBUTE_MODE) & ~VGA_ATTRIBUTE_MODE_BLINK);
    value("blinking", attribute(VGA_ATTRIBUTE_MODE) & VGA_ATTRIBUTE_MODE_BLINK);
    set_attribute(VGA_ATTRIBUTE_MODE, attribute(VGA_ATTRIBUTE_MODE) | VGA_ATTRIBUTE_MODE_BLINK);
    value("blinking", attribute(VGA_ATTRIBUTE_MODE) & VGA_ATTRIBUTE_MODE_BLINK);
    while (inb(VGA_INPUT_STATUS) & VGA_STATUS_VERTICAL_RETRACE)
        ;
    while (!(inb(VGA_INPUT_STATUS) & VGA_STATUS_VERTICAL_RETRACE))
        ;
    put("retrace\n");
}

/* Interrupts. */

static u32 irq(struct frame *f)
{
    u32 line = f->vector - VECTORS;
    if (line >= 16)
        return 0;
    if (line == IRQ_KEYBOARD || line == IRQ_MOUSE) {
        of_mouse[put_in % QUEUE] = line == IRQ_MOUSE;
        queue[put_in++ % QUEUE] = inb(PORT_KBC_DATA);
    }
    if (line >= 8)
        outb(PORT_PIC_SLAVE, PIC_EOI);
    outb(PORT_PIC_MASTER, PIC_EOI);
    return 1;
}

static void set_up_interrupts(void)
{
    static const u8 words[2][4] = {
        {VECTORS, 1 << IRQ_CASCADE, 1, (u8)~(1 << IRQ_KEYBOARD | 1 << IRQ_CASCADE)},
        {VECTORS + 8, IRQ_CASCADE, 1, (u8)~(1 << (IRQ_MOUSE - 8))},
    };
    u32 chip, n;
    trap_hook = irq;
    for (chip = 0; chip < 2; chip++) {
        u16 port = chip ? PORT_PIC_SLAVE : PORT_PIC_MASTER;
        outb(port, 0x11);
        for (n = 0; n < 4; n++)
            outb(port + 1, words[chip][n]);
    }
    set_command_byte(KBC_COMMAND_BYTE_KEYBOARD_INTERRUPT | KBC_COMMAND_BYTE_MOUSE_INTERRUPT | KBC_COMMAND_BYTE_SYSTEM |
                     KBC_COMMAND_BYTE_TRANSLATE);
}

/* The next byte that came by interrupt. */
static u32 next(u32 *mouse)
{
    for (;;) {
        __asm__ volatile("cli");
        if (taken_out != put_in)
            break;
        __asm__ volatile("sti; hlt" : : : "memory");
    }
    __asm__ volatile("sti");
    *mouse = of_mouse[taken_out % QUEUE];
    return queue[taken_out++ % QUEUE];
}

static void type(u32 code)
{
    static const char rows[] = "\0\0" "1234567890-=\0\0" "qwertyuiop[]\0\0" "asdfghjkl;'`\0\\" "zxcvbnm,./\0*\0 ";
    if (code == ENTER)
        place_cursor((cursor / VGA_COLUMNS + 1) * VGA_COLUMNS);
    else if (code < sizeof rows && rows[code]) {
        cells[cursor] = (u16)(rows[code] | GREY << 8);
        place_cursor(cursor + 1);
    }
}

int main(void)
{
    u32 mouse, byte, packet[3], have = 0;
    put("console\n");
    probe();
    display();
    set_up_interrupts();
    put("ready\n");
    do {
        byte = next(&mouse);
        if (mouse) {
            packet[have++] = byte;
            if (have == 3) {
                put("mouse");
                for (have = 0; have < 3; have++) {
                    putchar(' ');
                    put_hex(packet[have], 2);
                }
                newline();
                have = 0;
            }
        } else {
            put("key ");
            put_hex(byte, 2);
            newline();
            type(byte);
        }
    } while (mouse || byte != ESCAPE);
    put("end\n");
    return 0;
}
