"""Looks through a pickle before it is opened: for what would crash or exhaust the program.

An unpickler that runs nothing can still be made to end the process: by tuples nested so deeply
that their hash overflows the stack, by tuples that hold each other twice, whose hash takes years,
or by numbers in nine bytes that ask for gigabytes. All show in the opcodes, which are read here
without obeying them.
"""

import os
import pickletools

# Deeper than any state dict, and far from what overflows a stack.
DEEPEST_NESTING = 100
# The largest networks with their optimizer take some ten thousand opcodes.
MOST_OPCODES = 500_000
MOST_VALUES = 10_000_000
# What is longer is numbers, which the scan passes over.
LONG = 1 << 16
# Pickles number what they remember one after the other; some leave gaps.
LARGEST_GAP = 10_000

STORES = {"PUT", "BINPUT", "LONG_BINPUT"}
FETCHES = {"GET", "BINGET", "LONG_BINGET"}
# The opcodes that put their upper arguments into the one below them.
FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
# How pickles spell bytes; other encodings than theirs may take hours.
ENCODE = "_codecs encode"
# Those that hold nothing of what they take off the stack.
DROPS = {"POP", "POP_MARK", "STOP"}


class HostilePickleError(Exception):
    """A pickle that must not be opened; the message says why."""


def scan(file, size):
    """Read the opcodes of one pickle, from where a file stands to its STOP.

    Args:
        file: Open in binary mode.
        size: Number of bytes in it.

    Raises:
        HostilePickleError: Opening it could end the process or take more memory than the file is
            long.
        ValueError: It is no pickle, or ends in the middle.
    """
    # Of every value on the stack a list: its depth; how many values are in it, each counted as
    # often as it is referred to; the text that it is or ends with. The memo shares these lists.
    stack, memo, stored = [], {}, 0
    for count, (opcode, argument, _) in enumerate(pickletools.genops(_Bounded(file, size))):
        name = opcode.name
        if count == MOST_OPCODES:
            raise HostilePickleError(f"more than {MOST_OPCODES:,} values")
        if name in STORES or name == "MEMOIZE":
            number = int(argument) if name in STORES else len(memo)
            stored += 1
            if number > stored + LARGEST_GAP:
                raise HostilePickleError(f"remembers a value as number {number:,}")
            memo[number] = stack[-1] if stack else [0, 1, None]
        elif name == "FRAME" and argument > size:
            raise HostilePickleError(f"announces {argument:,} bytes, and is {size:,} long")
        else:
            _apply(opcode, argument, stack, memo)


def _apply(opcode, argument, stack, memo):
    """What one opcode does to the depths and sizes on the stack."""
    name = opcode.name
    if name in FETCHES:
        stack.append(memo.get(int(argument), [0, 1, None]))
        return
    if name == "DUP":
        stack += stack[-1:]
        return
    if name == "MARK":
        stack.append(None)
        return
    taken = _take(opcode, stack)
    if name in FILLS:
        target = taken[0] if taken else [0, 1, None]
        target[0] = max([target[0], *(cell[0] + 1 for cell in taken[1:])])
        target[1] += sum(cell[1] for cell in taken[1:])
        results = [target]
    elif name in DROPS:
        results = []
    else:
        depth = max((cell[0] + 1 for cell in taken), default=0)
        size = 1 + sum(cell[1] for cell in taken)
        if name == "REDUCE" and taken[0][2] == ENCODE and taken[-1][2] != "latin1":
            raise HostilePickleError("bytes in an encoding that no pickle has")
        text = argument if isinstance(argument, str) else taken[-1][2] if taken else None
        if name == "STACK_GLOBAL":
            text = " ".join(str(cell[2]) for cell in taken)
        results = [[depth, size, text] for _ in opcode.stack_after]
    for depth, size, _ in results:
        if depth > DEEPEST_NESTING:
            raise HostilePickleError(f"values nested more than {DEEPEST_NESTING} deep")
        if size > MOST_VALUES:
            raise HostilePickleError(
                f"values nested too deeply: together more than {MOST_VALUES:,}"
            )
    stack += results


def _take(opcode, stack):
    """Take the arguments of an opcode off the stack, the lowest first."""
    before = [argument.name for argument in opcode.stack_before]
    taken = []
    if "mark" in before:
        while stack and (cell := stack.pop()) is not None:
            taken.append(cell)
        before = before[: before.index("mark")]
    for _ in before:
        if stack and (cell := stack.pop()) is not None:
            taken.append(cell)
    return taken[::-1]


class _Bounded:
    """A file that is not asked for more bytes than it has, and gives zeros for long ones."""

    def __init__(self, file, size):
        self._file = file
        self._size = size
        self.readline = file.readline
        self.tell = file.tell

    def read(self, n):
        if n > max(self._size, 8):
            raise HostilePickleError(f"announces {n:,} bytes, and is {self._size:,} long")
        if n > LONG:
            self._file.seek(n, os.SEEK_CUR)
            return bytes(n)
        return self._file.read(n)
