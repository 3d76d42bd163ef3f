"""The IDE controller (Intel 82371SB, "PIIX3", data sheet) and the ATA drive behind it (ATA/ATAPI-6, T13/1410D): ports, commands, layouts.

The primary channel has one drive, device 0; there is no secondary channel. The controller's bus master moves data of READ DMA and WRITE
DMA by *physical region descriptors* in memory, as DMA requester 2.
"""

from enum import IntEnum, IntFlag

__all__ = [
    "BLOCK_SECTORS", "BUS_MASTER_PORTS", "CHANNEL_PORTS", "IDENTIFY_MODEL", "IDE_REQUESTER", "MAX_SECTORS", "PRD_SIZE",
    "SECTOR_SIZE", "Ata", "BusMasterCommand", "BusMasterPort", "BusMasterStatus", "Control", "Device", "Error", "Feature",
    "IdentifyWord", "PrdFlag", "PrdWord", "Status", "TaskFile", "TransferMode",
]  # fmt: skip

SECTOR_SIZE = 512  # bytes
MAX_SECTORS = (1 << 28) - 1  # that a 28-bit capacity can tell
BLOCK_SECTORS = 16  # at most, of READ and WRITE MULTIPLE
CHANNEL_PORTS = 8  # of the task file
BUS_MASTER_PORTS = 16  # from BAR4 on
IDE_REQUESTER = 2  # number of the DMA requester, as the guard's registers count them
IDENTIFY_MODEL = "RINGFENCE DISK"


class TaskFile(IntEnum):
    """Ports from ``Port.IDE_PRIMARY`` on; control and alternate status are at ``Port.IDE_PRIMARY_CONTROL``.

    DATA takes words and dwords (a dword is two words, the lower first); bytes of it are not there. FEATURES and COMMAND are written where
    ERROR and STATUS are read.
    """

    DATA = 0
    ERROR = 1
    SECTOR_COUNT = 2  # 0 is 256
    LBA_LOW = 3  # sector number
    LBA_MID = 4  # cylinder low
    LBA_HIGH = 5  # cylinder high
    DEVICE = 6
    STATUS = 7
    FEATURES = 1
    COMMAND = 7


class Status(IntFlag):
    """STATUS (reading it takes the interrupt back) and alternate status (reading it does not)."""

    ERR = 1 << 0
    DRQ = 1 << 3
    DSC = 1 << 4
    DF = 1 << 5  # never set here
    DRDY = 1 << 6
    BSY = 1 << 7


class Error(IntFlag):
    """ERROR, where STATUS has ERR. After a reset or diagnostics it is 01h: passed."""

    ABRT = 1 << 2
    IDNF = 1 << 4
    UNC = 1 << 6


class Device(IntFlag):
    """DEVICE: bits 3:0 are LBA bits 27:24 (or the head)."""

    DEV = 1 << 4
    LBA = 1 << 6


class Control(IntFlag):
    """Device control."""

    NIEN = 1 << 1  # 1 = no interrupts
    SRST = 1 << 2  # 1 = reset, which lasts until it is 0 again


class Ata(IntEnum):
    """Commands that the drive knows; it aborts all others."""

    RECALIBRATE = 0x10  # to 1Fh
    READ_SECTORS = 0x20
    READ_SECTORS_NO_RETRY = 0x21
    WRITE_SECTORS = 0x30
    WRITE_SECTORS_NO_RETRY = 0x31
    READ_VERIFY = 0x40
    READ_VERIFY_NO_RETRY = 0x41
    SEEK = 0x70  # to 7Fh
    EXECUTE_DIAGNOSTIC = 0x90
    INITIALIZE_PARAMETERS = 0x91
    READ_MULTIPLE = 0xC4
    WRITE_MULTIPLE = 0xC5
    SET_MULTIPLE_MODE = 0xC6
    READ_DMA = 0xC8
    READ_DMA_NO_RETRY = 0xC9
    WRITE_DMA = 0xCA
    WRITE_DMA_NO_RETRY = 0xCB
    STANDBY_IMMEDIATE = 0xE0
    IDLE_IMMEDIATE = 0xE1
    STANDBY = 0xE2
    IDLE = 0xE3
    CHECK_POWER_MODE = 0xE5
    FLUSH_CACHE = 0xE7
    IDENTIFY_DEVICE = 0xEC
    SET_FEATURES = 0xEF


class Feature(IntEnum):
    """FEATURES of SET FEATURES; others are aborted."""

    SET_TRANSFER_MODE = 0x03  # to the mode in SECTOR_COUNT


class TransferMode(IntEnum):
    """Modes for SET_TRANSFER_MODE; the low bits of the latter two are the mode's number."""

    PIO_DEFAULT = 0x00
    PIO_DEFAULT_NO_IORDY = 0x01
    PIO_FLOW_CONTROL = 0x08  # modes 0 to 4
    MULTIWORD_DMA = 0x20  # modes 0 to 2


class IdentifyWord(IntEnum):
    """Words of IDENTIFY DEVICE that are not plain text or 0."""

    GENERAL = 0
    CYLINDERS = 1
    HEADS = 3
    SECTORS_PER_TRACK = 6
    SERIAL = 10  # 10 words of text
    FIRMWARE = 23  # 4
    MODEL = 27  # 20
    MULTIPLE_MAXIMUM = 47
    CAPABILITIES = 49
    CAPABILITIES2 = 50
    VALID_WORDS = 53
    MULTIPLE_SETTING = 59
    CAPACITY = 60  # 2: sectors that 28 bits of address reach
    MULTIWORD_DMA = 63
    PIO_MODES = 64
    DMA_CYCLE_MINIMUM = 65
    DMA_CYCLE_RECOMMENDED = 66
    PIO_CYCLE_NO_FLOW_CONTROL = 67
    PIO_CYCLE_FLOW_CONTROL = 68
    MAJOR_VERSION = 80
    COMMAND_SETS_SUPPORTED = 82  # 3
    COMMAND_SETS_ENABLED = 85  # 3


class BusMasterPort(IntEnum):
    """Ports from BAR4 on. The secondary channel's, 8 further on, read as 0."""

    COMMAND = 0
    STATUS = 2
    DESCRIPTOR_TABLE = 4  # 4 bytes; bits 1:0 are 0


class BusMasterCommand(IntFlag):
    """COMMAND."""

    START = 1 << 0  # 0 to 1: begin at the descriptor table; 0: stop, and forget how far it was
    TO_MEMORY = 1 << 3  # 1 = the drive is read; not to be changed while ACTIVE


class BusMasterStatus(IntFlag):
    """STATUS. INTERRUPT and ERROR are cleared by writing 1; the DMA_CAPABLE bits are kept for software."""

    ACTIVE = 1 << 0  # from START until the last region of the table has been moved, an error, or the end of START
    ERROR = 1 << 1  # an access to memory was answered with an error; the transfer has ended
    INTERRUPT = 1 << 2  # the drive has raised its interrupt, and all that it has read lies in memory
    DMA_CAPABLE0 = 1 << 5
    DMA_CAPABLE1 = 1 << 6


class PrdWord(IntEnum):
    """The two 32-bit words of a physical region descriptor, read by DMA and so checked like all DMA."""

    BASE = 0  # byte address; bit 0 counts as 0
    COUNT = 1  # bits 15:0 bytes, bit 0 counts as 0; 0 is 64 KiB. A region does not cross a multiple of 64 KiB. And the flag


PRD_SIZE = 8


class PrdFlag(IntFlag):
    """Bits of the COUNT word."""

    END_OF_TABLE = 1 << 31
