"""`python -m kerasmetricloss` is the command `kerasmetricloss`."""

from kerasmetricloss.cli import main

if __name__ == "__main__":
    main()
