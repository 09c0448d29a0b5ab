"""Looks through a pickle before it is opened: for what would crash or exhaust the program.

An unpickler that runs nothing can still be made to end the process: by tuples nested so deeply
that their hash overflows the stack, or by numbers in nine bytes that ask for gigabytes. Both show
in the opcodes, which are read here without obeying them.
"""

import pickletools

# Deeper than any state dict, and far from what overflows a stack.
DEEPEST_NESTING = 100
# Pickles number what they remember one after the other; some leave gaps.
LARGEST_GAP = 10_000

STORES = {"PUT", "BINPUT", "LONG_BINPUT"}
FETCHES = {"GET", "BINGET", "LONG_BINGET"}
# The opcodes that put their upper arguments into the one below them.
FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
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
    # Of every value on the stack a list with its depth; what the pickle remembers shares it.
    stack, memo, stored = [], {}, 0
    for opcode, argument, _ in pickletools.genops(_Bounded(file, size)):
        name = opcode.name
        if name in STORES or name == "MEMOIZE":
            number = int(argument) if name in STORES else len(memo)
            stored += 1
            if number > stored + LARGEST_GAP:
                raise HostilePickleError(f"remembers a value as number {number:,}")
            memo[number] = stack[-1] if stack else [0]
        elif name == "FRAME" and argument > size:
            raise HostilePickleError(f"announces {argument:,} bytes, and is {size:,} long")
        else:
            _apply(opcode, argument, stack, memo)


def _apply(opcode, argument, stack, memo):
    """What one opcode does to the depths on the stack."""
    name = opcode.name
    if name in FETCHES:
        stack.append(memo.get(int(argument), [0]))
        return
    if name == "DUP":
        stack += stack[-1:]
        return
    if name == "MARK":
        stack.append(None)
        return
    taken = _take(opcode, stack)
    depth = max((cell[0] for cell in taken), default=0)
    if name in FILLS:
        target = taken[0] if taken else [0]
        target[0] = max([target[0], *(cell[0] + 1 for cell in taken[1:])])
        results = [target]
    elif name in DROPS:
        results = []
    else:
        results = [[depth + 1 if taken else 0] for _ in opcode.stack_after]
    if any(cell[0] > DEEPEST_NESTING for cell in results):
        raise HostilePickleError(f"values nested more than {DEEPEST_NESTING} deep")
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
    """A file that is not asked for more bytes than it has."""

    def __init__(self, file, size):
        self._file = file
        self._size = size
        self.readline = file.readline
        self.tell = file.tell

    def read(self, n):
        if n > max(self._size, 8):
            raise HostilePickleError(f"announces {n:,} bytes, and is {self._size:,} long")
        return self._file.read(n)
