"""`python -m imi`."""

from imi.cli import main

main()
