"""What each service holds when it has nothing to do."""

import time

from common import SERVICES, private_bytes, rss_bytes

SETTLE_S = 5
BAR_MIB = 25
MIB = 1 << 20


def measure(bench):
    names = [name for name in SERVICES if (bench.bin / name).exists()]
    for name in set(SERVICES) - set(names):
        bench.note(f"memory: {name} is not built, so not measured")
    with bench.fleet("memory", names) as fleet:
        time.sleep(SETTLE_S)
        for name in names:
            resident = [rss_bytes(fleet.pid(name)) / MIB]
            for _ in range(bench.rounds - 1):
                time.sleep(0.5)
                resident.append(rss_bytes(fleet.pid(name)) / MIB)
            bench.add(f"memory: {name} idle, resident", "MiB", resident, [], None, "< 25",
                      max(resident) < BAR_MIB)
            bench.note(f"memory: {name} idle: "
                       f"{private_bytes(fleet.pid(name)) / MIB:.1f} MiB are its own, the rest "
                       "is shared with other processes")
