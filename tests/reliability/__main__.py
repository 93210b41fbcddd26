"""`python -m tests.reliability`: all harnesses; see `tests.reliability.harness`."""

from tests.reliability.harness import main

if __name__ == "__main__":
    main()
