"""The programs of the pictures: a web server, a worker, a clock, and a mailer that crashes."""

import itertools
import random
import sys
import time


def web(port):
    print(f"listening on http://127.0.0.1:{port}")
    for number in itertools.count(1):
        time.sleep(random.uniform(0.3, 0.9))
        print(f"\033[32m200\033[0m GET /item/{number} in {random.randint(2, 40)} ms")


def worker():
    rows = []
    for number in itertools.count(1):
        rows.append(bytearray(200_000))
        until = time.process_time() + random.uniform(0.02, 0.1)
        while time.process_time() < until:
            pass
        print(f"order {number}: packed")
        time.sleep(random.uniform(0.6, 1.2))


def clock():
    while True:
        time.sleep(1.5)
        print(time.strftime("it is %H:%M:%S"))


def mailer():
    time.sleep(0.8)
    print("\033[31mConnectionRefusedError: mail.example:25\033[0m")
    sys.exit(1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
