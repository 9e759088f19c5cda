"""`python -m gatepost`: the same as the command `gatepost`, wherever that is not on the path."""

from gatepost.cli.main import main

main()
