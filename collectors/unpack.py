"""The bytes inside a capture's file, decompressed piece by piece and never more of them than a limit.

Understood are tar as it is, in gzip (RFC 1952) and in xz (the .xz file format 1.1), told apart by their first bytes.
A few kilobytes can stand for terabytes, so what comes out is counted while it comes out, and xz is told how much
memory its decoder may take.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from collectors.errors import CaptureError

REMEDY = "make it anew with `numascope capture`, which takes only the files that are needed"
"""What a person can do about an archive that is over a limit."""

_PIECE = 256 << 10
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\0"
_FOREIGN = {
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first: zstd -d FILE",
    b"BZh": "compressed with bzip2; decompress it first: bunzip2 FILE",
    b"PK\x03\x04": "a zip archive; captures are .tar, .tar.gz or .tar.xz",
}


class _Decoder(Protocol):
    """One compressed stream, to its end. A file may hold several, one after the other."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def feed(self, data: bytes) -> bytes: ...

    def more(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data, _PIECE)

    def more(self) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail, _PIECE)


class _Xz:
    def __init__(self, memory: int) -> None:
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data, _PIECE)

    def more(self) -> bytes:
        return b"" if self._stream.eof or self._stream.needs_input else self.feed(b"")


class Unpacked:
    """The decompressed bytes of a file, in order.

    Args:
        file: where the compressed bytes come from.
        source: what the person called it, for errors.
        limit: decompressed bytes at most.
        decoder_memory: bytes of memory that the decoder of xz may take.

    All that is wrong with the bytes is raised as CaptureError.
    """

    def __init__(self, file: BinaryIO, source: str, *, limit: int, decoder_memory: int) -> None:
        self.source = source
        self._limit = limit
        self._left = limit
        self._decoder_memory = decoder_memory
        self._pieces = self._decompressed(file)
        self._buffer = b""
        self._at = 0

    def refusal(self, reason: str) -> CaptureError:
        """The error that names this file."""
        return CaptureError(self.source, reason)

    def refusal_of(self, name: str, reason: str) -> CaptureError:
        """The error that names this file and one of its members."""
        shown = repr(name)
        return self.refusal(f"holds {shown if len(shown) <= 100 else shown[:99] + '…'}, which {reason}")

    def take(self, size: int) -> bytes:
        """Exactly that many bytes; raises CaptureError where the file ends before."""
        end = self._at + size
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        parts = [self._buffer[self._at :]]
        missing = size - len(parts[0])
        while missing > 0:
            piece = self._next_piece()
            if piece is None:
                raise self.refusal("ends in the midst of a member: it was cut off, or is no tar archive")
            parts.append(piece[:missing])
            self._buffer, self._at = piece, len(parts[-1])
            missing -= len(parts[-1])
        return b"".join(parts)

    def drain(self) -> None:
        """Reads on to the end, so that checksums at the end of a compressed file are compared."""
        self._buffer, self._at = b"", 0
        while self._next_piece() is not None:
            pass

    def _next_piece(self) -> bytes | None:
        piece = next(self._pieces, None)
        if piece is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise self.refusal(f"unpacks to more than {self._limit >> 20} MiB; {REMEDY}")
        return piece

    def _decompressed(self, file: BinaryIO) -> Iterator[bytes]:
        head = file.read(_PIECE)
        start = self._decoder_for(head)
        if start is None:
            return _raw(head, file)
        return self._decoded(start, head, file)

    def _decoder_for(self, head: bytes) -> Callable[[], _Decoder] | None:
        if head.startswith(_GZIP):
            return _Gzip
        if head.startswith(_XZ):
            return lambda: _Xz(self._decoder_memory)
        for magic, words in _FOREIGN.items():
            if head.startswith(magic):
                raise self.refusal(words)
        return None

    def _decoded(self, start: Callable[[], _Decoder], data: bytes, file: BinaryIO) -> Iterator[bytes]:
        try:
            while data:
                decoder = start()
                yield from self._one_stream(decoder, data, file)
                data = decoder.unused_data.lstrip(b"\0") or file.read(_PIECE).lstrip(b"\0")
        except (zlib.error, lzma.LZMAError) as error:
            if "Memory" in str(error):  # the only way in which the decoder of xz tells it apart
                limit = f"{self._decoder_memory >> 20} MiB"
                reason = f"takes more than {limit} of memory to decompress; compress it again with `xz -6`"
            else:
                reason = f"is damaged ({error}); get the file anew"
            raise self.refusal(reason) from error

    def _one_stream(self, decoder: _Decoder, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        while True:
            piece = decoder.feed(data)
            while piece:
                yield piece
                piece = decoder.more()
            if decoder.eof:
                return
            data = file.read(_PIECE)
            if not data:
                raise self.refusal("is cut off: its compressed data has no end; get the file anew")


def _raw(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    while head:
        yield head
        head = file.read(_PIECE)
