; Protected mode: descriptor tables, exceptions with error codes, rings, paging, interrupts.
%include "common.inc"
org 0
bits 16
times 1000h db 0
start:
    xor ax, ax
    mov ds, ax
    lgdt [gdtr]
    lidt [idtr]
    mov eax, cr0
    and eax, 9FFFFFFFh              ; caches on
    or al, 1
    mov cr0, eax
    jmp dword 8:flat
align 8
gdt:
    dq 0
    dq 00CF9B000000FFFFh            ; 08 code
    dq 00CF93000000FFFFh            ; 10 data
    dq 00CFFB000000FFFFh            ; 18 code, ring 3
    dq 00CFF3000000FFFFh            ; 20 data, ring 3
    dq 0000890050000067h            ; 28 TSS at 5000
    dq 0040930000000FFFh            ; 30 data, limit FFF
    dq 00CF13000000FFFFh            ; 38 data, not present
    dq 00CF91000000FFFFh            ; 40 data, read-only
gdt_end:
gdtr: dw gdt_end - gdt - 1
    dd gdt
idtr: dw 256 * 8 - 1
    dd 4000h
bits 32
%macro gate 3                       ; vector, handler, type and DPL
    mov dword [4000h + %1 * 8], (8 << 16) + (%2 - $$)
    mov dword [4000h + %1 * 8 + 4], %3 << 8
%endmacro
%macro raises 2+                    ; vector and error code expected from the instruction
    mov dword [vector], -1
    mov dword [resume], %%after
    %2
%%after:
    expect dword [vector], %1
%endmacro
flat:
    mov ax, 10h
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 9000h
    gate 0, handler0, 8Eh
    gate 3, handler3, 0EEh
    gate 6, handler6, 8Eh
    gate 11, handler11, 8Eh
    gate 13, handler13, 8Eh
    gate 14, handler14, 8Eh
    gate 20h, handler20, 8Eh
    gate 30h, handler30, 0EEh
    xor ebx, ebx
    raises 0, div ebx
    raises 6, ud2
    raises 13, mov word [cs:0], ax
    expect dword [error], 0
    mov cx, 38h
    raises 11, mov es, cx
    expect dword [error], 38h
    mov cx, 30h
    mov fs, cx
    raises 13, mov eax, [fs:0FFDh]
    mov eax, [fs:0FFCh]
    mov cx, 40h
    mov gs, cx
    raises 13, mov [gs:0], eax
    mov cx, 0
    mov gs, cx
    raises 13, mov eax, [gs:0]
    mov cx, 200h
    raises 13, mov gs, cx
    expect dword [error], 200h
    int3
    expect dword [vector], 3

    ; interrupts: the shadow of STI, HLT
    mov eax, 0020h
    out INTERRUPT, ax
    mov dword [vector], -1
    mov ecx, 20
.wait:
    dec ecx
    jnz .wait
    expect dword [vector], -1
    sti
    nop
    nop
    expect dword [vector], 20h
    mov dword [vector], -1
    mov eax, 2020h
    out INTERRUPT, ax
    hlt
    expect dword [vector], 20h
    cli

    ; paging: 4 MiB one to one by 4 KiB pages, then changes
    mov edi, 10000h
    mov eax, 11007h
    stosd
    mov ecx, 1023
    xor eax, eax
    rep stosd
    mov eax, 7
    mov ecx, 1024
.map:
    stosd
    add eax, 1000h
    loop .map
    mov eax, 10000h
    mov cr3, eax
    mov eax, cr0
    or eax, 80010000h
    mov cr0, eax
    jmp .paged
.paged:
    mov dword [20000h], 12345678h
    expect dword [20000h], 12345678h
    expect dword [11000h + 20h * 4], 20067h
    mov eax, [21000h]
    expect dword [11000h + 21h * 4], 21027h
    mov dword [11000h + 22h * 4], 20007h
    expect dword [22000h], 12345678h
    mov dword [11000h + 23h * 4], 0
    raises 14, mov eax, [23004h]
    expect dword [error], 0
    expect dword [address], 23004h
    mov dword [11000h + 24h * 4], 24005h
    raises 14, mov dword [24ff0h], eax
    expect dword [error], 3
    mov dword [11000h + 20h * 4], 21007h
    mov dword [21000h], 0AABBCCDDh
    invlpg [20000h]
    expect dword [20000h], 0AABBCCDDh
    mov dword [26FFEh], 55667788h  ; across a page
    expect dword [26FFEh], 55667788h
    expect word [27000h], 5566h

    ; ring 3 and back
    mov dword [5004h], 9800h
    mov dword [5008h], 10h
    mov word [5066h], 68h
    mov cx, 28h
    ltr cx
    expect byte [gdt + 28h + 5], 8Bh
    mov dword [kernel_stack], esp
    push dword 23h
    push dword 0A000h
    push dword 202h
    push dword 1Bh
    push dword user
    iretd
user:
    mov ax, cs
    expect ax, 1Bh
    mov ax, ds
    expect ax, 0                    ; too privileged for the outer ring: made null
    mov ax, 23h
    mov ds, ax
    raises 13, cli
    raises 13, in al, ECHO
    expect dword [error], 0
    mov dword [11000h + 25h * 4], 25003h
    raises 14, mov eax, [25000h]
    expect dword [error], 5
    int 30h
    finish 0EEh                     ; not reached: I/O is refused
back:
    mov ax, cs
    expect ax, 8
    mov esp, [kernel_stack]
    mov ax, ss
    expect ax, 10h
    finish 0F0h

%macro handler 2                    ; vector, has error code
handler%1:
    %if %2
    pop dword [ss:error]
    %endif
    mov dword [ss:vector], %1
    push eax
    mov eax, cr2
    mov [ss:address], eax
    mov eax, [ss:resume]
    mov [ss:esp + 4], eax
    pop eax
    iretd
%endmacro
handler 0, 0
handler 6, 0
handler 11, 1
handler 13, 1
handler 14, 1
handler3:
    mov dword [vector], 3
    iretd
handler20:
    mov dword [vector], 20h
    iretd
handler30:
    expect dword [esp + 12], 0A000h
    expect dword [esp + 16], 23h
    jmp back
vector: dd 0
error: dd 0
address: dd 0
resume: dd 0
kernel_stack: dd 0
times 0FFFF0h - ($ - $$) db 0F4h
    jmp 0:start
times 100000h - ($ - $$) db 0
