"""Just enough protobuf to ask a CRI socket: a message is a mapping from field number to the values it was given.

The CRI needs strings, varints and nested messages; compiled protobuf is no option in a stock image of any architecture.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

VARINT, I64, LENGTH, I32 = 0, 1, 2, 5

Value = int | bytes
Message = dict[int, list[Value]]


def encode(fields: dict[int, str | bool]) -> bytes:
    """A flat message of strings and booleans, which is all that the requests need."""
    out = bytearray()
    for number, value in fields.items():
        if isinstance(value, bool):
            out += _varint(number << 3 | VARINT) + _varint(int(value))
        else:
            data = value.encode()
            out += _varint(number << 3 | LENGTH) + _varint(len(data)) + data
    return bytes(out)


def decode(data: bytes) -> Message:
    """Every field of a message, nested ones still encoded. Raises ValueError when malformed."""
    message: Message = {}
    offset = 0
    while offset < len(data):
        key, offset = _read_varint(data, offset)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise ValueError("protobuf: field number 0")
        value: Value
        if wire_type == VARINT:
            value, offset = _read_varint(data, offset)
        elif wire_type in (LENGTH, I64, I32):
            length = 8 if wire_type == I64 else 4
            if wire_type == LENGTH:
                length, offset = _read_varint(data, offset)
            if length > len(data) - offset:
                raise ValueError(f"protobuf: field {number} has {length} bytes, {len(data) - offset} are there")
            value, offset = data[offset : offset + length], offset + length
        else:
            raise ValueError(f"protobuf: wire type {wire_type}")
        message.setdefault(number, []).append(value)
    return message


def number(message: Message, field: int, default: int = 0) -> int:
    """The last value of a varint field, as a signed 64-bit number."""
    value = message.get(field, [default])[-1]
    if not isinstance(value, int):
        raise ValueError(f"protobuf: field {field} is no number")
    return value - (1 << 64) if value >> 63 else value


def string(message: Message, field: int) -> str:
    return data(message, field).decode("utf-8", "backslashreplace")


def nested(message: Message, field: int) -> Message:
    return decode(data(message, field))


def nested_list(message: Message, field: int) -> list[Message]:
    return [decode(_bytes(value, field)) for value in message.get(field, [])]


def strings_map(message: Message, field: int) -> dict[str, str]:
    """A map<string, string>, which travels as a list of {1: key, 2: value}."""
    return {string(entry, 1): string(entry, 2) for entry in nested_list(message, field)}


def data(message: Message, field: int) -> bytes:
    return _bytes(message.get(field, [b""])[-1], field)


def _bytes(value: Value, field: int) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"protobuf: field {field} is no string")
    return value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            raise ValueError("protobuf: a number was cut short")
        byte = data[offset]
        offset += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result & (1 << 64) - 1, offset
    raise ValueError("protobuf: a number of more than ten bytes")
