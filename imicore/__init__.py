"""Bytes, symbols and images: the native core and its typed Python face.

Submodules load on first use; nothing here knows of money.
"""
