"""The Postal Service's side: is this piece paid, and if not, by how much and why.

>>> import sorter
>>> sorter.Verifier.__module__
'sorter.verifier'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sorter.verifier import Verifier

__all__ = ["Verifier"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: a module of the package must not load the whole verifier.
    if name == "Verifier":
        from sorter.verifier import Verifier

        return Verifier
    raise AttributeError(f"module 'sorter' has no attribute {name!r}")
