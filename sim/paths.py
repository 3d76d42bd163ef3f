"""Where things lie in the tree and under ``build/``."""

from pathlib import Path

__all__ = ["BUILD", "ROOT"]

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"  # everything that is made and can be made again
