# Amaranth ships no annotations: all of it is Any to mypy but for what the files beside this one say.
from typing import Any

def __getattr__(name: str) -> Any: ...
