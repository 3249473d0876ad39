"""`python -m wirework.cli` is the `wirework` command."""

from wirework.cli import main

main()
