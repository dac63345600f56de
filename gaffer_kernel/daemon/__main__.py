"""`python -m gaffer_kernel.daemon` is gafferd."""

import sys

from gaffer_kernel.daemon import main

sys.exit(main())
