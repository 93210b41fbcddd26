"""Text in lines of a given width, for whatever measures it, and which fonts can write it."""

from collections.abc import Callable, Iterator

Measure = Callable[[str], float]


def wrapped(text: str, width: float, measure: Measure) -> tuple[str, ...]:
    r"""Return lines no wider than `width`; a word that is wider is cut. Never empty.

    Lines break at spaces, which are lost there; what cannot be printed becomes U+FFFD.

    >>> wrapped("a tape of imprints", 8, len), wrapped("0123456789", 4, len), wrapped("", 4, len)
    (('a tape', 'of', 'imprints'), ('0123', '4567', '89'), ('',))
    """
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return tuple(_lines(shown, width, measure)) or ("",)


def is_western(text: str) -> bool:
    """Return whether Windows-1252 can write the text, as the standard fonts of PDF can.

    >>> is_western("Müller \u20ac"), is_western("Почта")
    (True, False)
    """
    if text.isascii():
        return True
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _lines(text: str, width: float, measure: Measure) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while measure(line) > width and len(line) > 1:
            fits = _fitting(line, width, measure)
            yield line[:fits]
            line = line[fits:]
    if line:
        yield line


def _fitting(text: str, width: float, measure: Measure) -> int:
    """Return how many characters are no wider than `width`, at least one."""
    fits = 1
    while fits < len(text) - 1 and measure(text[: fits + 1]) <= width:
        fits += 1
    return fits
