"""`python -m tachylite` is the command `tachylite`."""

from tachylite.cli import main

main()
