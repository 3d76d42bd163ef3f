/* The kernel where it belongs: in ring 0, of the bare machine or of a guest. */
#include "guests/sensitive/sensitive.h"
#include "lib/pic.h"
#include "lib/platform.h"

#define FAILED_EXCEPTION 0x7E

void on_exception(struct trap_frame *frame)
{
    if (!fixup) {
        print("sensitive: exception %u at %x\n", frame->vector, frame->eip);
        finish(FAILED_EXCEPTION);
    }
    fault_vector = frame->vector;
    frame->eip = fixup;
}

int main(void)
{
    pic_init();
    return observe();
}
