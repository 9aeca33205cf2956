"""Run the comparison: python benches/labox [MiB] [rounds]."""

import sys

from compare import main

sys.exit(main())
