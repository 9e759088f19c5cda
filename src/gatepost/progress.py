"""How far long work is, told to whoever waits for it."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how much is done, and of how much if that is known."""
