; A fault with no descriptor to deliver it, nor the double fault: shutdown.
%include "common.inc"
org 0
bits 16
times 1000h db 0
start:
    xor ax, ax
    mov ds, ax
    lidt [empty]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    ud2
    mov al, 1
    out EXIT, al
empty: dw 0
    dd 0
times 0FFFF0h - ($ - $$) db 0F4h
    jmp 0:start
times 100000h - ($ - $$) db 0
