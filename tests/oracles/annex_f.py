"""Module placement, ISO/IEC 16022:2006 Annex F, as a dictionary that is filled in."""

Cell = tuple[int, int]


def mapping_matrix(rows: int, columns: int) -> dict[Cell, tuple[int, int]]:
    """Return (row, column) -> (codeword from 0, bit from the most significant) without borders."""
    placed: dict[Cell, tuple[int, int]] = {}
    count = 0

    def shape(*cells: Cell) -> None:
        nonlocal count
        for bit, (r, c) in enumerate(cells):
            row, column = r, c
            if row < 0:
                row, column = row + rows, column + 4 - (rows + 4) % 8
            if column < 0:
                row, column = row + 4 - (columns + 4) % 8, column + columns
            if row >= rows:  # ISO/IEC 21471:2020
                row -= rows
            assert (row, column) not in placed, "a module is written twice"
            placed[row, column] = (count, bit)
        count += 1

    def utah(r: int, c: int) -> None:
        shape(
            *[(r - 2, c - 2), (r - 2, c - 1), (r - 1, c - 2), (r - 1, c - 1), (r - 1, c)],
            *[(r, c - 2), (r, c - 1), (r, c)],
        )

    low, left = rows - 1, [(rows - 3, 0), (rows - 2, 0), (rows - 1, 0)]
    right = columns - 1
    edge = [(0, right - 1), (0, right), (1, right), (2, right), (3, right)]
    row, column = 4, 0
    while row < rows or column < columns:
        if (row, column) == (rows, 0):
            shape((low, 0), (low, 1), (low, 2), *edge)
        if (row, column) == (rows - 2, 0) and columns % 4:
            shape(*left, *[(0, right - 3), (0, right - 2), (0, right - 1), (0, right), (1, right)])
        if (row, column) == (rows - 2, 0) and columns % 8 == 4:
            shape(*left, *edge)
        if (row, column) == (rows + 4, 2) and columns % 8 == 0:
            shape(
                *[(low, 0), (low, right), (0, right - 2), (0, right - 1), (0, right)],
                *[(1, right - 2), (1, right - 1), (1, right)],
            )
        while row >= 0 and column < columns:
            if row < rows and column >= 0 and (row, column) not in placed:
                utah(row, column)
            row, column = row - 2, column + 2
        row, column = row + 1, column + 3
        while row < rows and column >= 0:
            if row >= 0 and column < columns and (row, column) not in placed:
                utah(row, column)
            row, column = row + 2, column - 2
        row, column = row + 3, column + 1
    return placed
