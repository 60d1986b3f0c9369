"""``python -m ogfd`` is ``ogfd``."""

import sys

from ogfd.cli import main

sys.exit(main())
