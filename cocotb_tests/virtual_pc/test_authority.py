"""The room holds no authority: it imports none, is handed none, and nothing of it can be followed to any."""

import gc
import random
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import pytest

from cocotb_tests.isolation_kernel.world import World, paging_on
from cocotb_tests.test_import_rule import ROOT, files_of, imported_modules
from cocotb_tests.virtual_pc.liars import restless
from isolation_kernel.fence import Fence
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.script import Script
from isolation_kernel.partition import Partition
from virtual_pc.ports import VirtualPc

PURE = {"collections.abc", "dataclasses", "enum", "typing"}  # of the standard library: nothing here opens, runs or looks around
HANDED_ON = ("virtual_pc", "contracts", "builtins", "enum", "collections.abc")  # homes of the types of values


def test_it_imports_the_contracts_and_what_is_pure() -> None:
    found = [
        f"{file.name}:{line}: imports {module}"
        for file in files_of("virtual_pc")
        for line, module in imported_modules(file.read_text())
        if module.rsplit(".", 1)[0] not in PURE and module.split(".")[0] not in ("virtual_pc", "contracts")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ("open", "eval", "exec", "compile", "globals", "getattr", "setattr", "__import__", "input"))
def test_it_uses_no_way_around(name: str) -> None:
    for file in files_of("virtual_pc"):
        code = compile(file.read_text(), str(file), "exec")
        codes = [code]
        for one in codes:
            codes += [constant for constant in one.co_consts if hasattr(constant, "co_code")]
            assert name not in one.co_names, f"{file.name}: {one.co_name} uses {name}"


def reachable(root: object) -> Iterator[object]:
    """All objects that can be followed from one, but not by the way of types and modules, which everything has in common: of a function,
    what it is closed over and its defaults."""
    seen, left = {id(root)}, deque([root])
    while left:
        thing = left.popleft()
        yield thing
        if isinstance(thing, type | ModuleType):
            continue
        if isinstance(thing, FunctionType):
            following: list[Any] = [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
        else:
            following = gc.get_referents(thing)
        for other in following:
            if id(other) not in seen and not isinstance(other, type | ModuleType):
                seen.add(id(other))
                left.append(other)


def authority(root: object) -> list[str]:
    """What is reachable and is more than a value of the room."""
    homes = (type(thing).__module__ for thing in reachable(root))
    return sorted({home for home in homes if not home.startswith(HANDED_ON)})


def ran() -> tuple[World, Partition, Partition]:
    """Two guests whose PCs are asked everything."""
    world = World(slice_cycles=5_000)
    first, second = world.guest(restless(random.Random(1)), one_to_one=True), world.guest(pages)
    return world, first, second


def pages() -> Script:
    yield from paging_on()


def test_nothing_of_a_device_leads_to_the_kernel() -> None:
    world, first, second = ran()
    world.run(300)
    assert first.exits > 100
    assert not authority(first.pc.pc) and not authority(second.pc.pc)


def test_it_is_handed_values_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: dict[str, list[str]] = {}
    ask = Fence.ask

    def listens(self: Fence, question: Callable[..., Any], *values: Any) -> Any:
        name = getattr(question, "__qualname__", repr(question))
        if not isinstance(getattr(question, "__self__", None), VirtualPc) and name not in ("generator.__next__", "generator.send"):
            assert question is list or question.__module__.startswith("virtual_pc"), question
        owner = getattr(question, "__self__", None)
        handed.setdefault(name, []).extend(authority([values, owner]))
        answer = ask(self, question, *values)
        handed[name] += authority([answer, owner])
        return answer

    monkeypatch.setattr(Fence, "ask", listens)
    world, first, _ = ran()
    world.run(600)
    assert not any(handed.values()), handed
    asked = {name.rsplit(".", 1)[-1] for name in handed}
    assert asked >= {"pending", "tick", "send", "__next__", "allows", "list"}
    assert first.exits > 100


# the control: what should not be there is found


def by_attribute(pc: Any, kernel: Kernel) -> None:
    pc.kernel = kernel


def by_method(pc: Any, kernel: Kernel) -> None:
    pc.uart.sends = kernel.machine.io_write


def by_closure(pc: Any, kernel: Kernel) -> None:
    pc.pit.due = lambda: kernel.machine


def by_container(pc: Any, kernel: Kernel) -> None:
    pc.pic.master._expected.append({"x": (kernel.partitions[2].memory,)})


def by_partial(pc: Any, kernel: Kernel) -> None:
    pc.pic.base = partial(print, kernel.frames)


def by_generator(pc: Any, kernel: Kernel) -> None:
    def waits(machine: object) -> Iterator[int]:
        yield 1
        print(machine)

    pc.next = waits(kernel.machine)
    next(pc.next)


@pytest.mark.parametrize("plant", (by_attribute, by_method, by_closure, by_container, by_partial, by_generator))
def test_what_is_planted_is_found(plant: Callable[[Any, Kernel], None]) -> None:
    world, first, _ = ran()
    world.run(20)
    plant(first.pc.pc, world.kernel)
    assert any(home.startswith("isolation_kernel") for home in authority(first.pc.pc))


def test_it_is_loaded_without_the_kernel() -> None:
    """A process that has imported all of the room has loaded nothing of the kernel, the simulator or a circuit."""
    names = [f"virtual_pc.{file.stem}" for file in files_of("virtual_pc") if file.stem != "__init__"]
    program = f"import sys, {', '.join(names)}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    ours = {"rtl", "cpu_ext", "chipset", "firmware", "isolation_kernel", "sim", "cocotb_tests", "verifier", "amaranth"}
    assert {"virtual_pc", "contracts"} <= set(loaded.stdout.split()) and not ours & set(loaded.stdout.split())
