"""python -m app VERB: fit, evaluate, predict, export and what else `python -m app --help` lists."""

import sys

from app.command_line import main

if __name__ == "__main__":
    sys.exit(main())
