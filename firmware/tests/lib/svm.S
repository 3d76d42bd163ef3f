/* Into the guest and back. See svm.h. */
        .text
        .globl guest_enter, guest_stubs
guest_enter:
        pushal
        movl $vmcb, %eax
        vmload
        movl guest, %ebx
        movl guest + 4, %ecx
        movl guest + 8, %edx
        movl guest + 12, %esi
        movl guest + 16, %edi
        movl guest + 20, %ebp
        vmrun
        vmsave
        movl %ebx, guest
        movl %ecx, guest + 4
        movl %edx, guest + 8
        movl %esi, guest + 12
        movl %edi, guest + 16
        movl %ebp, guest + 20
        movl $host_vmcb, %eax
        vmload
        popal
        ret

        .balign 16
guest_stubs:
        .set n, 0
        .rept 256
        .balign 16
        movl $n, %ss:guest_vector
        vmmcall
        .set n, n + 1
        .endr
        .globl guest_stubs_end
guest_stubs_end:
