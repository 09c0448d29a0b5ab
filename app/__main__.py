"""python -m app fit | evaluate | summary | board"""

import sys

from app.command_line import main

if __name__ == "__main__":
    sys.exit(main())
