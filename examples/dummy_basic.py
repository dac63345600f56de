#!/usr/bin/env python3
"""The least that a program under gaffer needs: it runs. A numbered line every second."""

import itertools
import signal
import time

# The default action of TERM ends it at once; INT would leave a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

for count in itertools.count(1):
    print(f"hello {count}", flush=True)
    time.sleep(1)
