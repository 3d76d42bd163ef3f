"""The driver guest with one check left out each: what the control runs are made of. Changes of its sources, by file."""

__all__ = [
    "ANY_LENGTH", "ANY_PLACE", "ANY_SECTOR", "AS_LONG_AS_IT_ASKS", "BELIEVES_THE_PAGE", "HOSTILE", "KEEPS_WHAT_IT_OWES",
    "TAKES_ITS_WORD", "WAITS_FOR_ROOM", "WRAPS",
]  # fmt: skip

_CHECKS = "guests/disk_driver/requests.c"
_CLIENTS = "guests/disk_driver/clients.c"
_RANGE = "request->sector >= partition->sectors || request->count > partition->sectors - request->sector"
_REGION = "const struct ide_region region = {buffer, request->count * IDE_SECTOR_SIZE};\n"

Change = dict[str, dict[str, str]]

ANY_SECTOR: Change = {_CHECKS: {_RANGE: "0"}}
WRAPS: Change = {_CHECKS: {_RANGE: "request->sector + request->count > partition->sectors"}}
ANY_PLACE: Change = {_CHECKS: {" || request->place > VDISK_PAGE_SECTORS - request->count": ""}}
BELIEVES_THE_PAGE: Change = {_CLIENTS: {"    if (!page_is_there(client)) /* so": "    if (0) /* so"}}
"""Does not ask whether the page was there while it was copied."""
AS_LONG_AS_IT_ASKS: Change = {
    _CLIENTS: {"        serve(client);": "        while (client->number == number && serve(client))\n            ;"}
}
"""Goes to the next client when this one wants no more."""
WAITS_FOR_ROOM: Change = {_CLIENTS: {"sizeof client->answer, AT_ONCE)": "sizeof client->answer, WAIT)"}}
KEEPS_WHAT_IT_OWES: Change = {
    _CLIENTS: {
        "*client = (struct client){.number = number, .partition = partition};": "client->number = number, client->partition = partition;"
    }
}
"""Takes who comes for who has left."""
TAKES_ITS_WORD: Change = {
    _CLIENTS: {
        "const struct partition *partition = find_partition(table, partitions, identity);":
            "channel_receive(number, message, sizeof message, WAIT);\n    (void)identity;\n"
            "    const struct partition *partition = find_partition(table, partitions, message);",
    },
}  # fmt: skip
"""A client is who it says."""
ANY_LENGTH: Change = {_CLIENTS: {"if (status == sizeof request)": "if (1)"}}
_AIMED = _REGION.replace("buffer", '(void *)parameter("aim", 0)') + '    print("it has %x\\n", *word_at(parameter("aim", 0)));\n'
HOSTILE: Change = {
    _CLIENTS: {_REGION + "    if (ide_read": _AIMED + "    if (ide_read", _REGION + "    memcpy": _AIMED + "    memcpy"},
}
"""Not a check left out: a driver that reads and writes the memory at ``aim`` where a client's data should go."""
