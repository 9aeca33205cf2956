"""Run the comparison: python -m benches.labox [MiB] [rounds]."""

import sys

from benches.labox.compare import main

sys.exit(main())
