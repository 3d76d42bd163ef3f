"""The picture of memory: every page once, the owners and what DMA may touch as the kernel has them, the marks where they belong."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from cocotb_tests.isolation_kernel.world import FIRST_MEMORY, LAYOUT, SECOND_MEMORY, World
from contracts.devices import DeviceNumber
from contracts.memory_map import PAGE_SIZE, Physical
from isolation_kernel.model.script import Script
from sim.sanctuary.picture import Mark, MemoryPicture, Run, picture_of, runs_of
from sim.sanctuary.picture_svg import svg

__all__: list[str] = []

_SVG = "{http://www.w3.org/2000/svg}"
_CELL = 7


def test_runs_join_equal_neighbours_and_leave_out_nothing_else() -> None:
    assert list(runs_of(["a", "a", "", "b", "a"])) == [Run(0, 2, "a"), Run(3, 1, "b"), Run(4, 1, "a")]
    assert list(runs_of([])) == []


def _nothing() -> Script:
    yield from ()


def _world() -> World:
    world = World()
    world.guest(_nothing, one_to_one=True, devices=frozenset({DeviceNumber.DMA0}))
    world.guest(_nothing)
    return world


def test_picture_says_what_the_kernel_says() -> None:
    world = _world()
    picture = picture_of(world.kernel)
    assert picture.pages == LAYOUT.pages
    assert sum(run.count for run in picture.owners) == LAYOUT.pages
    names = {1: "guest 1", 2: "guest 2"}
    for page in range(LAYOUT.pages):
        owner = world.kernel.frames.owner(page)
        assert picture.owner(page) == names.get(owner, picture.owner(page))
        assert picture.owner(page).startswith("kernel: ") == (page >= LAYOUT.kernel_base // PAGE_SIZE)
    assert picture.owner(Physical.VGA_HOLE // PAGE_SIZE) == "no RAM" == picture.owner(LAYOUT.pages)
    assert sum(r.count for r in picture.owners if r.what == "guest 2") == SECOND_MEMORY // PAGE_SIZE
    for partition in world.kernel.partitions.values():
        assert picture.owner(partition.vcpu.block // PAGE_SIZE) == "kernel: VMCB"
        assert picture.owner(partition.shadow.current.directory) == "kernel: shadow tables"
    assert picture.owner(world.kernel.policy.maps[0] // PAGE_SIZE) == "kernel: DMA map"


def test_dma_reaches_in_the_picture_what_the_map_admits() -> None:
    picture = picture_of(_world().kernel)
    reached = [page for run in picture.dma[0] for page in range(run.first, run.first + run.count)]
    assert reached == [p for p in range(FIRST_MEMORY // PAGE_SIZE) if picture.owner(p) == "guest 1"]
    assert all("guest 1" in run.what for run in picture.dma[0])
    assert picture.dma[1] == ()


def test_what_dma_may_touch_is_read_in_memory_and_not_asked_of_the_kernel() -> None:
    world = _world()
    at = world.kernel.policy.maps[1]
    world.kernel.machine.write32(at, 1 << 5)
    picture = picture_of(world.kernel)
    assert [(run.first, run.count) for run in picture.dma[1]] == [(5, 1)]


def test_an_ended_guest_has_no_vmcb_and_no_shadow_tables_in_the_picture() -> None:
    world = _world()
    ended = world.kernel.partitions[2]
    block, directory = ended.vcpu.block // PAGE_SIZE, ended.shadow.current.directory
    world.kernel.end_guest(ended, "for the test")
    picture = picture_of(world.kernel)
    assert {picture.owner(block), picture.owner(directory)} == {"kernel: pool"}


def test_drawing_covers_each_page_once_and_marks_the_refusals() -> None:
    marks = (Mark(0x30_0123, "guard", True, "one"), Mark(LAYOUT.kernel_base, "kernel", None, "two & three"))
    picture = replace(picture_of(_world().kernel), marks=marks)
    root = ElementTree.fromstring(svg(picture))
    pages = [r for r in root.findall(f"{_SVG}rect") if r.find(f"{_SVG}title") is not None]
    assert sum(int(r.get("width", "0")) // _CELL for r in pages) == LAYOUT.pages
    assert len({(r.get("x"), r.get("y")) for r in pages}) == len(pages)
    titles = [t.text or "" for g in root.findall(f"{_SVG}g") for t in g.findall(f"{_SVG}title")]
    assert titles == [
        "one: write at 0x00300123 (free) refused by the guard",
        "two & three: access at 0x00400000 (kernel: stub) refused by the kernel",
    ]
    assert "refused by the guard: 1" in "".join(root.itertext())


def test_drawing_of_a_machine_without_dma_or_refusals() -> None:
    text = svg(MemoryPicture(3, (Run(0, 2, "free"), Run(2, 1, "somebody"))))
    assert not re.search("refused", text)
    assert ElementTree.fromstring(text).tag == f"{_SVG}svg"
