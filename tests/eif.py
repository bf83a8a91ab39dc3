"""eif: reads and writes enclave images in a few lines, so that tests can make what ingot would never write."""
import hashlib
import struct
import zlib

KERNEL, CMDLINE, RAMDISK, SIGNATURE, METADATA = 1, 2, 3, 4, 5


def sections(data):
    """[(type, payload)] by walking the file."""
    at, found = 548, []
    while at < len(data):
        kind, _, size = struct.unpack(">HHQ", data[at:at + 12])
        found.append((kind, data[at + 12:at + 12 + size]))
        at += 12 + size
    return found


def image(parts, flags=0, memory=64 << 20, cpus=2):
    """The file of these [(type, payload)], with a right table and CRC."""
    offsets, sizes, body = [], [], b""
    for kind, payload in parts:
        offsets.append(548 + len(body))
        sizes.append(len(payload))
        body += struct.pack(">HHQ", kind, 0, len(payload)) + payload
    header = struct.pack(">4sHHQQHH", b".eif", 4, flags, memory, cpus, 0, len(parts))
    for numbers in (offsets, sizes):
        header += struct.pack(">32Q", *numbers, *[0] * (32 - len(numbers)))
    header += bytes(4)
    return header + struct.pack(">I", zlib.crc32(header + body)) + body


def with_crc(data):
    """The same bytes with the CRC set right."""
    return data[:544] + struct.pack(">I", zlib.crc32(data[:544] + data[548:])) + data[548:]


def cpio(files):
    """A newc archive of [(name, mode, content)]."""
    out = b""
    for number, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        entry = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        entry += bytes(-len(entry) % 4)
        out += entry + content + bytes(-len(content) % 4)
    return out


def pcr(*contents):
    return hashlib.sha384(bytes(48) + hashlib.sha384(b"".join(contents)).digest()).hexdigest()


def cbor(data):
    """The values of definite CBOR, one after the other: what a signature section needs of it."""
    at, found = 0, []
    while at < len(data):
        value, at = _cbor(data, at)
        found.append(value)
    return found


def _cbor(data, at):
    major, size = data[at] >> 5, data[at] & 31
    at += 1
    if size >= 24:
        width = 1 << (size - 24)
        size, at = int.from_bytes(data[at:at + width], "big"), at + width
    if major in (2, 3):
        text = data[at:at + size]
        return (text.decode() if major == 3 else text), at + size
    if major == 4:
        items = []
        for _ in range(size):
            item, at = _cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(size):
            key, at = _cbor(data, at)
            pairs[key], at = _cbor(data, at)
        return pairs, at
    return (size if major == 0 else -1 - size), at


def signature(data):
    """(PEM text, [protected, unprotected, payload, value]) of an image's signature section."""
    (section,) = [payload for kind, payload in sections(data) if kind == SIGNATURE]
    ((parts,),) = cbor(section)
    (cose,) = cbor(bytes(parts["signature"]))
    return bytes(parts["signing_certificate"]), cose
