"""The process in which picture files are decoded: libraries that strangers' bytes go through."""

import struct
from typing import Final

from imicore.limited_process import limit_means, limit_time, question, reply

REQUEST: Final = struct.Struct("<QId")  # length of file and of its name, seconds of processor time
FRAME: Final = struct.Struct("<cII")  # b"F", height, width; the pixels follow
ERROR: Final = b"E"  # the words follow


def serve(memory_mb: int) -> None:
    """Answer picture files until there are no more."""
    from imicore.errors import BadImage
    from imicore.frames import decode, use_one_thread

    use_one_thread()
    limit_means(memory_mb)
    while (header := question(REQUEST.size)) is not None:
        length, name_length, seconds = REQUEST.unpack(header)
        name, data = question(name_length), question(length)
        if name is None or data is None:
            return
        limit_time(seconds)
        try:
            frame = decode(data, name=name.decode())
        except BadImage as error:
            reply(ERROR, str(error).encode())
        else:
            reply(FRAME.pack(b"F", *frame.shape), frame.tobytes())
