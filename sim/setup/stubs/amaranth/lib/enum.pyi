# Amaranth's enumerations are Python's with a shape. (Ignored: an enumeration that is only a base has no members.)
import enum
from enum import auto as auto
from enum import unique as unique
from typing import Any

class EnumType(enum.EnumMeta):
    def as_shape(cls) -> Any: ...

class Enum(enum.Enum, metaclass=EnumType):  # type: ignore[misc]
    def __init_subclass__(cls, *, shape: Any = ..., view_class: Any = ..., **kwargs: Any) -> None: ...

class IntEnum(enum.IntEnum, metaclass=EnumType):  # type: ignore[misc]
    def __init_subclass__(cls, *, shape: Any = ..., view_class: Any = ..., **kwargs: Any) -> None: ...

class Flag(enum.Flag, metaclass=EnumType):  # type: ignore[misc]
    def __init_subclass__(cls, *, shape: Any = ..., view_class: Any = ..., **kwargs: Any) -> None: ...

class IntFlag(enum.IntFlag, metaclass=EnumType):  # type: ignore[misc]
    def __init_subclass__(cls, *, shape: Any = ..., view_class: Any = ..., **kwargs: Any) -> None: ...
