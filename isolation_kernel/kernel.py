"""The isolation kernel: who owns what, who runs, and what each exit is answered with. Everything else is a module of its own."""

from collections.abc import Callable
from contextlib import suppress

from contracts.configuration import GuestConfig, KernelConfig
from contracts.devices import DEVICES, DeviceNumber
from contracts.hypercalls import HOST_END, MAX_MESSAGE, MAX_QUEUED, Hypercall
from contracts.machine import Machine
from contracts.memory_map import PAGE_SIZE, Irq
from contracts.msr import MSRPM_SIZE
from contracts.report import Refusal, Step
from contracts.rights import SYSTEM, Right
from contracts.vmcb import InterruptControl
from isolation_kernel.audit import AuditLog
from isolation_kernel.boot import claim_memory, load_segments, set_start_state, set_up_vmcb
from isolation_kernel.dma_policy import DmaPolicy
from isolation_kernel.exits import handle_exit
from isolation_kernel.foundation import Foundation
from isolation_kernel.frames import KernelError
from isolation_kernel.hypercalls import hypercall
from isolation_kernel.interrupts import PhysicalInterrupts
from isolation_kernel.moves import Mover
from isolation_kernel.partition import OWN_PAGES, Partition, State
from isolation_kernel.permission_maps import PermissionMap
from isolation_kernel.policy import refusal
from isolation_kernel.roots import Roots
from isolation_kernel.scheduler import Scheduler
from isolation_kernel.trusted_path import TrustedPath

__all__ = ["Kernel"]

_V_IRQ = int(InterruptControl.V_IRQ)
_OWN_PAGES = 8  # vCPU block, I/O map, and some to spare
_MAX_REFUSALS = 1024


class Kernel(Foundation):
    """``console`` is called with a partition's number and bytes whenever a guest prints."""

    def __init__(self, machine: Machine, config: KernelConfig, console: Callable[[int, bytes], None] | None = None) -> None:
        super().__init__(machine, config)
        self.audit = AuditLog(config.log)
        self.audit.append(policy=config.policy.digest)
        self.roots = Roots(machine, config, self.audit)
        self.msr_map = PermissionMap(self, MSRPM_SIZE, self.protections.msr_permission).address
        self.policy = DmaPolicy(self, sum(d.requester is not None for d in DEVICES.values()))
        self.mover = Mover(self, self.policy)
        self.scheduler: Scheduler = Scheduler(config.slice_cycles, self.protections.preemption)
        self._interrupts = PhysicalInterrupts(self, config.timer_cycles // config.cycles_per_pit_tick)
        self.partitions: dict[int, Partition] = {}
        self.view = TrustedPath(self, self.living, self.roots)
        self.refusals: list[Refusal] = []
        self.exit_counts: dict[int, int] = {}
        self.over = False
        self.exit_status: int | None = None
        self._console = console

    # guests come and go

    def load_guest(self, config: GuestConfig, number: int | None = None) -> Partition:
        """Make a partition (in the place of an ended one, if its number is given), load the guest and make it ready to run. KernelError if
        it does not fit: then nothing is held by it."""
        number = number or len(self.partitions) + 1
        if config.memory <= 0 or config.memory % PAGE_SIZE:
            raise KernelError(f"{config.name}: memory must be a multiple of {PAGE_SIZE} bytes")
        guests = 1 + sum(p.alive for p in self.partitions.values())
        promised = guests * (self.config.tables_per_guest + _OWN_PAGES)  # so that no guest can use up what another counts on
        if guests * self.config.roots_per_guest >= self.config.asids or promised > len(self.frames.pool):
            raise KernelError(f"{config.name}: the kernel has no room for another guest")
        if taken := [device.name for device in sorted(config.devices) if self.mover.device_owners[device] is not None]:
            raise KernelError(f"{config.name}: {', '.join(taken)} has an owner already")
        first = 0 if config.one_to_one else self.frames.take_run(config.memory // PAGE_SIZE, number)
        pages = claim_memory(self.frames, number, config, first)
        self.partitions[number] = partition = Partition(self, number, config, pages, first, self._console)
        self.scheduler.add(partition)
        over = self.over
        try:
            for right, about in ((Right.RUN, SYSTEM), *((Right.USE, device.name) for device in sorted(config.devices))):
                if not self.permits(partition, right, about):
                    raise KernelError(f"{config.name}: the policy does not grant {right.name} of {about}")
            load_segments(partition.memory, config)
            for device in sorted(config.devices):
                if not self.mover.give_device(device, partition):
                    raise KernelError(f"{config.name}: {device.name} does not come to rest")
        except KernelError as error:
            self.end_guest(partition, f"could not be loaded: {error}")
            self.over = over  # as before: a first guest that cannot be loaded may be followed by one that can
            raise
        set_up_vmcb(partition, self.msr_map)
        set_start_state(partition, self.config.native_cpuid[1][0])
        if self.view.front is None:
            self.view.show(partition)
        return partition

    def end_guest(self, partition: Partition, reason: str) -> None:
        """Shut one guest down: devices at rest, memory cleaned, everything free again."""
        if not partition.alive:
            return
        partition.state, partition.end_reason = State.ENDED, reason
        self.scheduler.remove(partition)
        for channel in partition.channels.values():
            self.mover.close(channel)
        for number in self.partitions:
            self.wake(number, partition.number)
        partition.shadow.discard_all()
        if self.view.front is partition:
            self.view.show(next((p for p in self.partitions.values() if p.alive), None))
        partition.clean_screen()
        self.mover.release_all(partition)
        partition.io_map.release()
        self.frames.release(partition.vcpu.block // PAGE_SIZE, OWN_PAGES)
        if not any(p.alive for p in self.partitions.values()):
            self.over = True

    def reset_guest(self, partition: Partition, reason: str) -> None:
        """The guest wants, or has caused, a reset: it starts again from its image, or ends: also if it gave away what it needs."""
        self.end_guest(partition, reason)
        if partition.config.restart_on_reset:
            with suppress(KernelError):
                self.load_guest(partition.config, partition.number)
                self.over = False

    def shutdown(self, status: int) -> None:
        """End everything. RAM is not cleaned here: the platform scrubs it before anyone else runs."""
        self.over, self.exit_status = True, status
        for partition in (p for p in self.partitions.values() if p.alive):
            partition.state, partition.end_reason = State.ENDED, "the system was shut down"
        self.machine.shutdown()

    def living(self, number: int) -> Partition | None:
        """The partition of that number, if there is one that has not ended."""
        return partition if (partition := self.partitions.get(number)) is not None and partition.alive else None

    def permits(self, partition: Partition, right: Right, about: str) -> bool:
        """Whether a guest may: every decision about it is made here, by its rights and the policy, and is in the log."""
        asked = right in partition.config.rights or right in (Right.RUN, Right.USE)
        why = refusal(self.config.policy, partition.identity, right, about) if asked else "not among its rights"
        allowed = not why or not self.protections.hypercall_rights
        self.audit.append(who=partition.identity, what=right.name, about=about, decision="allowed" if allowed else "refused", why=why)
        return allowed

    # the host's side

    def post_message(self, number: int, message: bytes) -> bool:
        """Queue a message to a guest; False if it cannot take one."""
        partition = self.living(number)
        if partition is None or len(message) > MAX_MESSAGE or len(partition.inbox) >= MAX_QUEUED:
            return False
        partition.inbox.append(message)
        self.wake(number, HOST_END)
        return True

    def wake(self, number: int, whom: int) -> None:
        """Something has happened at another guest, or the host. One that waits for that is answered, without calling again, or waits on."""
        if (partition := self.living(number)) is not None:
            partition.news[whom] = None
            if partition.waits is not None and (partition.waits[1] == whom or partition.waits[0] is Hypercall.WAIT):
                partition.state, partition.waits = State.RUNNABLE, None
                hypercall(self, partition)

    def take_answers(self, number: int) -> list[bytes]:
        """What a guest has sent since the last call."""
        partition = self.partitions[number]
        answers = list(partition.answers)
        partition.answers.clear()
        return answers

    def move_page(self, giver: int, page: int, receiver: int, at: int) -> bool:
        """Move a page (page numbers) from one guest to another while both run."""
        source, target = self.living(giver), self.living(receiver)
        return source is not None and target is not None and self.mover.move_page(source, page, target, at)

    def move_device(self, device: DeviceNumber, receiver: int) -> bool:
        """Move a device to a guest while all run."""
        target = self.living(receiver)
        return target is not None and self.permits(target, Right.USE, device.name) and self.mover.give_device(device, target)

    # running

    def step(self) -> Step:
        """Enter one guest and answer its exit, or wait for an interrupt if none can run."""
        if self.over:
            return Step.OVER
        self._tick()
        partition = self.scheduler.choose()
        if partition is None:
            return self._wait()
        started = self.machine.time()
        self._enter(partition)
        code = partition.vcpu.get("EXITCODE")
        self.exit_counts[code] = self.exit_counts.get(code, 0) + 1
        partition.exits += 1
        handle_exit(self, partition)
        spent = self.machine.time() - started
        partition.cycles += spent
        self.scheduler.charge(partition, spent)
        return Step.RAN

    def _enter(self, partition: Partition) -> None:
        """Run a guest until it exits. The processor delivers V_IRQ when the guest's IF, its shadow and a pending event allow it."""
        vcpu, vector = partition.vcpu, partition.pc.ask(partition.pc.pc.pending)
        control = vcpu.get("INT_CONTROL") & ~_V_IRQ
        vcpu.put("INT_CONTROL", control if vector is None else control | _V_IRQ)
        vcpu.put("INT_VECTOR", vector or 0)
        vcpu.put("TLB_CONTROL", self.asids.enter(self.machine, vcpu.block, partition.shadow.current.asid))
        vcpu.flush()
        self.machine.run(vcpu.block)
        if vector is not None and not vcpu.get("INT_CONTROL") & _V_IRQ:
            partition.pc.ask(partition.pc.pc.acknowledge)  # the guest has taken it

    def _tick(self) -> None:
        now = self.machine.time()
        for partition in (p for p in self.partitions.values() if p.alive):
            partition.pc.ask(partition.pc.pc.tick, now)
            if partition.state is State.HALTED and partition.pc.ask(partition.pc.pc.pending) is not None and partition.interruptible():
                partition.state = State.RUNNABLE
            if partition.pc.failure:
                self.end_guest(partition, partition.pc.failure)

    def _wait(self) -> Step:
        halted = [p for p in self.partitions.values() if p.state is State.HALTED and p.interruptible()]
        if not any(p.pc.ask(p.pc.pc.running) or p.devices for p in halted):
            return Step.IDLE
        self._route(self.machine.halt(halted[0].vcpu.block))
        return Step.WAITED

    def take_interrupt(self, partition: Partition) -> None:
        """A physical interrupt has ended a guest's run: take it."""
        self._route(self.machine.take_interrupt(partition.vcpu.block))

    def _route(self, vector: int | None) -> None:
        line = None if vector is None else self._interrupts.line(vector)
        for refused in self.policy.refusals() if line in (Irq.GUARD, Irq.TIMER) else ():
            if len(self.refusals) < _MAX_REFUSALS:
                self.refusals.append(refused)
        if line == Irq.TIMER:
            self.view.tick()
        for number, device in DEVICES.items():
            owner = self.mover.device_owners[number]
            if device.irq == line and owner is not None:
                owner.pc.ask(owner.pc.pc.raise_line, line)
