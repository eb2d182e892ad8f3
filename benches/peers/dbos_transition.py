"""Workflows of one step, from so many threads: dbos_transition.py CLIENTS SECONDS.

Prints how many ended while it was measured, after a second of warming up, and in all.
"""

import json
import os
import sys
import threading
import time

from dbos import DBOS

clients, seconds = int(sys.argv[1]), float(sys.argv[2])
env = os.environ
url = f"postgresql://{env['PGUSER']}@/{env['PGDATABASE']}?host={env['PGHOST']}&port={env['PGPORT']}"
DBOS(
    config={
        "name": "bench",
        "system_database_url": url,
        "sys_db_pool_size": clients,
        "log_level": "ERROR",
        "run_admin_server": False,
    }
)


@DBOS.step()
def move(number: int) -> int:
    return number


@DBOS.workflow()
def transition(number: int) -> int:
    return move(number)


DBOS.launch()
ends: list[list[float]] = [[] for _ in range(clients)]
start = time.monotonic()
stop = start + 1 + seconds


def act(mine: list[float]) -> None:
    while time.monotonic() < stop:
        transition(len(mine))
        mine.append(time.monotonic())


threads = [threading.Thread(target=act, args=(mine,)) for mine in ends]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
acts = sum(start + 1 <= end < stop for mine in ends for end in mine)
print(json.dumps({"acts": acts, "seconds": seconds, "total": sum(map(len, ends))}), flush=True)
DBOS.destroy()
