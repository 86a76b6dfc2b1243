"""`python -m xelith.pipeline` is the command line."""

from .cli import main

main()
