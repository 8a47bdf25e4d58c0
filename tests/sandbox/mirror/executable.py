"""A tiny native program, because a micro-VM must be a process whose executable lies in `/opt/kata`.

A script would show its interpreter in `/proc/PID/exe`, and its file would never be busy. This one waits for ever
when it has no arguments, and otherwise prints its version. Written as x86-64 machine code (all management nodes of
CSM are x86-64), so it needs no compiler and is the same bytes everywhere.
"""

import struct

_BASE = 0x400000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56
_PROGRAM = (
    b"\x48\x8b\x04\x24"  # mov rax, [rsp]: the number of arguments
    b"\x48\x83\xf8\x01"  # cmp rax, 1
    b"\x77\x09"  # ja version
    b"\xb8\x22\x00\x00\x00\x0f\x05"  # wait: pause()
    b"\xeb\xf7"  # jmp wait
    b"\xb8\x01\x00\x00\x00"  # version: write(
    b"\xbf\x01\x00\x00\x00"  # 1,
    b"\x48\x8d\x35\x10\x00\x00\x00"  # the text behind the code,
    b"\xba%b\x0f\x05"  # its length)
    b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"  # exit(0)
)


def waiting_program(version: str) -> bytes:
    """An ELF file that waits, or prints `version` when it is asked anything."""
    text = version.encode() + b"\n"
    code = (_PROGRAM % struct.pack("<I", len(text))) + text
    start = _ELF_HEADER + _PROGRAM_HEADER
    size = start + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        *("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, _BASE + start, _ELF_HEADER, 0, 0),
        *(_ELF_HEADER, _PROGRAM_HEADER, 1, 64, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code
