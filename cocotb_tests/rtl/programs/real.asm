; Real mode from the reset vector: arithmetic, stack, strings, software interrupts, a divide error, a segment limit.
%include "common.inc"
org 0
bits 16
times 1000h db 0
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 8000h
    mov cx, 100
    xor bx, bx
.sum:
    add bx, cx
    loop .sum
    expect bx, 5050
    mov eax, 12345678h
    push eax
    pop cx
    pop dx
    expect cx, 5678h
    expect dx, 1234h
    mov si, text
    mov di, 6000h
    mov cx, length
    cld
    rep movsb
    mov si, text
    mov di, 6000h
    mov cx, length
    repe cmpsb
    expect cx, 0
    mov si, 6000h
    mov cx, length
.print:
    lodsb
    out CONSOLE, al
    loop .print
    mov word [21h * 4], handler21
    mov word [21h * 4 + 2], 0
    mov ax, 1111h
    int 21h
    expect ax, 2222h
    mov word [0], divide
    mov word [2], 0
    mov ax, 100
    mov bl, 0
    mov bp, sp
divides:
    div bl
    expect ax, 7777h
    expect sp, bp
    mov word [13 * 4], limit
    mov word [13 * 4 + 2], 0
    mov bx, 0FFFFh
crosses:
    mov ax, [bx]
    expect ax, 3333h
    mov eax, 0FFFF0000h
    mov edx, 2
    mul edx
    expect edx, 1
    expect eax, 0FFFE0000h
    mov ax, -7
    cwd
    mov bx, 2
    idiv bx
    expect ax, -3
    expect dx, -1
    call 1000h >> 4:(far_routine - 1000h)
    expect ax, 4444h
    in eax, ECHO
    mov eax, 0CAFE1234h
    out ECHO, eax
    xor eax, eax
    in eax, ECHO
    expect eax, 0CAFE1234h
    xor ax, ax
    dec byte [6000h]
    lea ax, [bx + si + 10]
    mov byte [patched + 1], 55h     ; the next instruction is changed by the one before it
patched:
    mov al, 0AAh
    expect al, 55h
    finish 0F0h
handler21:
    mov ax, 2222h
    iret
divide:
    mov ax, 7777h
    push bp
    mov bp, sp
    add word [bp + 2], 2
    pop bp
    iret
limit:
    mov ax, 3333h
    push bp
    mov bp, sp
    add word [bp + 2], 2
    pop bp
    iret
far_routine:
    mov ax, 4444h
    retf
text: db "Ringfence", 10
length equ $ - text
times 0FFFF0h - ($ - $$) db 0F4h
    jmp 0:start
times 100000h - ($ - $$) db 0
