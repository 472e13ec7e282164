"""The conversation between client and agent: frames, and facts as JSON.

A frame is `MAGIC kind length payload`: 4 bytes, 1 byte, 4 bytes big-endian, then that many bytes. A speaker's last frame is
END, whose payload is the SHA-256 of all frames that it sent before, so that a cut stream is never taken for a whole answer
(kubectl exec can cut output short and still exit 0). Bytes in front of the first frame are noise (a shell's greeting, a
warning) and are skipped, up to a bound; between frames nothing is tolerated.

    client → agent   HELLO {version, nonce, keep}   QUESTION […]   PING (empty, every few seconds)   END
    agent  → client  HELLO {version, nonce}   ANSWER […] or ERROR {message}   END

`keep`: for how many seconds the agent's pod is to stay after this, if that is longer than it would.

A fact is the array of its fields in their order: both sides are of the same version, or part at once.
Instead of QUESTION there may be another kind of REQUESTS; its ANSWER is then the fact that its `reply` names.
A command that is run inside (`execution.py`) takes the question's place, and both sides speak at once until it has ended:

    client → agent   HELLO   EXEC […]   (STDIN bytes | STDIN_END | SIGNAL n | RESIZE rows, columns | CLOSED n | PING)…   END
    agent  → client  HELLO   (STARTED […]   (STDOUT bytes | STDERR bytes | TAKEN n | PING)…   EXITED status) or ERROR   END

STDIN is sent only within a window: WINDOW bytes at first, and as many again as TAKEN says that the command has taken. So input
that nobody reads never stands in front of a SIGNAL or a PING. In the other direction a client that cannot write does not read,
and the agent stops reading from the command. CLOSED says that nobody reads the command's stdout (1) or stderr (2) any more.
Both ping, every few seconds, and take a long silence for the other's end.

Whatever arrives is untrusted: sizes are bounded, and `decode` checks every type against the fact it fills.
"""

from __future__ import annotations

import functools
import json
import struct
import types
import typing
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, TypeVar

from .aliases import Linking
from .errors import ProtocolError
from .questions import Question

try:  # Python's own: hashlib brings OpenSSL, 4 MiB and 3 ms for an agent that needs neither
    from _sha2 import sha256  # Python 3.12
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

VERSION = 2
MAGIC = b"\x00KNS"
HEADER = struct.Struct(">4sBI")
MAX_PAYLOAD = 64 << 20  # nine times what a node with 2000 namespaces answers
MAX_NOISE = 64 << 10
WINDOW = 1 << 20
CHUNK = 32 << 10  # of STDIN, STDOUT and STDERR: small enough for a key to be answered while much is on its way
MAX_LIVE = 1 << 20  # a frame's payload while a command runs
STATUS = struct.Struct(">B")  # EXITED, SIGNAL, CLOSED
TAKEN = struct.Struct(">I")
SIZE = struct.Struct(">HH")  # rows, columns

Fact = TypeVar("Fact")
Data = bytes | bytearray


class Kind(IntEnum):
    HELLO = 1
    QUESTION = 2
    ANSWER = 3
    ERROR = 4
    PING = 5
    END = 6
    LINKING = 7
    EXEC = 32
    STARTED = 33
    STDIN = 34
    STDIN_END = 35
    TAKEN = 36
    SIGNAL = 37
    RESIZE = 38
    CLOSED = 39
    STDOUT = 40
    STDERR = 41
    EXITED = 42


REQUESTS: dict[Kind, type] = {Kind.QUESTION: Question, Kind.LINKING: Linking}


class Writer:
    """Sends frames through `write` (a callable that takes all of the bytes) and keeps the checksum for END."""

    def __init__(self, write: Callable[[Data], object]) -> None:
        self._write = write
        self._digest = sha256()

    def redirect(self, write: Callable[[Data], object]) -> None:
        """From now on through another callable."""
        self._write = write

    def send(self, kind: Kind, payload: Data = b"") -> None:
        for part in (HEADER.pack(MAGIC, kind, len(payload)), payload):  # not joined: an answer may be large
            self._digest.update(part)
            self._write(part)

    def end(self) -> None:
        self.send(Kind.END, self._digest.digest())


class Reader:
    """Takes frames from `read`, a callable that gives at most n bytes and b'' at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._digest = sha256()
        self._started = False

    def receive(self) -> tuple[Kind, bytes]:
        """The next frame. END is returned after its checksum was verified. Raises ProtocolError on anything else."""
        header = self._header()
        number, length = _announced(header, MAX_PAYLOAD)
        return self.accept(header, number, self._exactly(length))

    def accept(self, header: bytes, number: int, payload: bytes) -> tuple[Kind, bytes]:
        """A frame that has come, counted into the checksum, which an END must bear."""
        if number == Kind.END and payload != self._digest.digest():
            raise ProtocolError("the agent's answer does not match its checksum: something on the way changed it")
        self._digest.update(header + payload)
        return Kind(number), payload

    def _header(self) -> bytes:
        header = self._exactly(HEADER.size)
        skipped = 0
        while not header.startswith(MAGIC):
            if self._started or skipped > MAX_NOISE:
                raise ProtocolError("the agent's output is not an answer: foreign bytes where a frame should begin")
            header = header[1:] + self._exactly(1)
            skipped += 1
        self._started = True
        return header

    def _exactly(self, count: int) -> bytes:
        chunks: list[bytes] = []
        while count:
            chunk = self._read(min(count, 1 << 20))
            if not chunk:
                raise ProtocolError("the agent's answer was cut short")
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)


def kind_of(request: object) -> Kind:
    """The frame that carries a request."""
    return next(kind for kind, cls in REQUESTS.items() if cls is type(request))


class Decoder:
    """Frames out of bytes as they come, for one who may not wait for the rest. Goes on where `reader` has stopped."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that are complete by now. Raises ProtocolError as soon as what has come cannot become one."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            header = bytes(self._buffer[: HEADER.size])
            if not header.startswith(MAGIC):
                raise ProtocolError("foreign bytes where a frame should begin")
            number, length = _announced(header, MAX_LIVE)
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield self._reader.accept(header, number, payload)


def _announced(header: bytes, limit: int) -> tuple[int, int]:
    _, number, length = HEADER.unpack(header)
    if number not in Kind.__members__.values():
        raise ProtocolError(f"the agent sent a frame of unknown kind {number}")
    if length > limit:
        raise ProtocolError(f"the agent announced a frame of {length} bytes, more than the {limit} allowed")
    return number, length


def unpack(form: struct.Struct, payload: bytes) -> tuple[int, ...]:
    """A short frame's numbers. Raises ProtocolError."""
    if len(payload) != form.size:
        raise ProtocolError(f"a frame of {len(payload)} bytes where {form.size} should be")
    return form.unpack(payload)


def encode(fact: Any) -> Data:
    """A fact as JSON, its tuples element by element: `json` holds a text twice as it makes it, and an answer may be large."""
    text = bytearray(b"[")
    for value in fact:
        text += b"," if len(text) > 1 else b""
        if type(value) is tuple:
            text += b"["
            for position, element in enumerate(value):
                text += (b"," if position else b"") + _json(element)
            text += b"]"
        else:
            text += _json(value)
    text += b"]"
    return text


def _json(value: Any) -> bytes:
    return ENCODER.encode(value).encode()


ENCODER = json.JSONEncoder(check_circular=False, separators=(",", ":"))  # facts know no cycles


def decode(cls: type[Fact], payload: bytes) -> Fact:
    """JSON as the fact `cls`; everything missing, too much or of a wrong type is a ProtocolError."""
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the agent sent something that is not JSON: {error}") from error
    return typing.cast(Fact, _builder(typing.cast(Any, cls))(data, cls.__name__))


Builder = Callable[[Any, str], Any]


@functools.cache
def _builder(hint: Any) -> Builder:
    """What checks and builds a value of this type; made once, since an answer holds tens of thousands of values."""
    if hasattr(hint, "_fields"):
        return _fact_builder(hint)
    if isinstance(hint, types.UnionType):
        (part,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        build = _builder(part)
        return lambda value, where: None if value is None else build(value, where)
    if typing.get_origin(hint) is tuple:
        build_one = _builder(typing.get_args(hint)[0])

        def build_list(value: Any, where: str) -> tuple[Any, ...]:
            if type(value) is not list:
                raise ProtocolError(f"the agent's answer has no list at {where}")
            return tuple([build_one(element, where) for element in value])

        return build_list

    def check(value: Any, where: str) -> Any:
        if type(value) is not hint:
            raise ProtocolError(f"the agent's answer has a {type(value).__name__} where {where} should be a {hint.__name__}")
        return value

    return check


def _fact_builder(cls: Any) -> Builder:
    builders = [(_builder(hint), f"{cls.__name__}.{name}") for name, hint in typing.get_type_hints(cls).items()]

    def build(value: Any, where: str) -> Any:
        if type(value) is not list or len(value) != len(builders):
            raise ProtocolError(f"the agent's answer has an unexpected shape at {where}")
        return cls(*[build_one(one, there) for one, (build_one, there) in zip(value, builders)])

    return build
