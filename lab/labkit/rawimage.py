"""Raw disk images with real content, the same bytes for the same seed on every machine.

Each 4 MiB piece is either pseudo-random (SHAKE-128 of seed and number) or zero;
two of five are zero, as in a sparse system disk.  First and last are never zero.
"""

import hashlib

PIECE = 4 << 20


def piece(seed, number, count, size=PIECE):
    if 0 < number < count - 1 and hashlib.sha256(b"zero %d %d" % (seed, number)).digest()[0] % 5 < 2:
        return bytes(size)
    return hashlib.shake_128(b"data %d %d" % (seed, number)).digest(size)


def pieces(total, seed):
    """(offset, bytes) of an image of `total` bytes, in order."""
    count = -(-total // PIECE)
    for number in range(count):
        yield number * PIECE, piece(seed, number, count, min(PIECE, total - number * PIECE))


def write_file(path, total, seed):
    """Write the image, zero pieces as holes; returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as stream:
        for offset, data in pieces(total, seed):
            digest.update(data)
            if data.count(0) != len(data):
                stream.seek(offset)
                stream.write(data)
        stream.truncate(total)
    return digest.hexdigest()
