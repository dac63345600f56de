#!/usr/bin/env python3
"""Print a numbered line every second: a program under gaffer only has to run."""

import itertools
import signal
import time

# SIGTERM ends it at once by default; SIGINT would print a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

for count in itertools.count(1):
    print(f"hello {count}", flush=True)
    time.sleep(1)
