"""`python -m aiortstream` is `aiortstream`."""

from aiortstream.cli import main

if __name__ == "__main__":
    main()
