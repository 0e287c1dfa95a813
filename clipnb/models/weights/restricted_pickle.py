"""Unpickling with nothing but what a caller allows: no name of the pickle is ever looked up in Python."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

__all__ = ["Call", "Refused", "loads"]

_OPCODES = (
    "PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET "
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS "
    "GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD BINPERSID"
)


class Refused(Exception):
    """The pickle asks for something that is not on the list."""


def loads(data: bytes, allowed: Callable[[str, str], Any], persistent: Callable[[Any], Any] | None = None) -> Any:
    """The object in a pickle.

    Args:
        data: the pickle, and nothing behind it.
        allowed: from a module and a name to what stands for it. It raises :class:`Refused` for all that it does not
            know. What it gives is built for this pickle alone, since a pickle can change what it gets hold of.
        persistent: from a persistent id to its object.

    Raises:
        Refused: the pickle names something else, or uses instructions that no plain data needs.
        ValueError: it is damaged.
    """
    allowed_opcodes = frozenset(_OPCODES.split())
    end: int | None = None
    try:
        for opcode, argument, end in pickletools.genops(data):  # noqa: B007
            if opcode.name not in allowed_opcodes:
                raise Refused(f"it uses the instruction {opcode.name}")
            # Python's reader makes room for every number below a memo's.
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(data):
                raise ValueError(f"a memo with the number {argument}")
        if end is None or end + 1 != len(data):  # it ends with the first STOP
            raise ValueError("there is something behind its end")
        return _Unpickler(data, allowed, persistent).load()
    except (Refused, MemoryError):
        raise
    except Exception as error:  # a damaged pickle fails in as many ways as there are types
        raise ValueError(f"{type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, allowed: Callable[[str, str], Any], persistent: Callable[[Any], Any] | None):
        # Without `fix_imports` a name is what it says, in every protocol.
        super().__init__(io.BytesIO(data), fix_imports=False)
        self._allowed = allowed
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        return self._allowed(module, name)

    def persistent_load(self, key: Any) -> Any:
        if self._persistent is None:
            raise Refused("it refers to something outside of itself")
        return self._persistent(key)


class Call:
    """A function for the pickle to call; it has no attributes that the pickle could set."""

    __slots__ = ("_call",)
    _call: Callable[..., Any]

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)

    def __setattr__(self, key: str, value: Any) -> None:
        raise Refused("it changes what it was given")

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives."""
        return self._call(*arguments)
