"""What the figures share: where programs are, cores, counters of a process, rows of the table."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "fleet"))

from fleet import (  # noqa: E402,F401
    SERVICES, Fleet, FleetError, Process, Simulator, Stack, free_port, request, wait_until)

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
HERE = ROOT / "bench"
BACKLOG = 'calfleet_backlog_records{topic="calendar.sync"}'


@dataclass
class Row:
    """One line of the table. ours, base: a value a round; met: None where it is only told."""

    figure: str
    unit: str
    ours: list
    base: list = field(default_factory=list)
    ratio: float = None
    bar: str = ""
    met: bool = None

    def cells(self):
        def spread(values):
            if not values:
                return "-"
            return " / ".join(shown(f(values)) for f in (min, statistics.median, max))

        digits = 2 if self.ratio is None or self.ratio >= 0.1 else 4
        return (self.figure, self.unit, spread(self.ours), spread(self.base),
                "-" if self.ratio is None else f"{self.ratio:.{digits}f}", self.bar or "-",
                {None: "-", True: "met", False: "MISSED"}[self.met])


def shown(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def median_ratio(ours, base):
    """Of rounds: the two of a round ran one after the other, under the same weather."""
    return statistics.median(a / b for a, b in zip(ours, base))


class Bench:
    def __init__(self, bin_dir, work, stack, rounds, seconds):
        self.bin, self.work, self.stack = Path(bin_dir), Path(work), stack
        self.rounds, self.seconds = rounds, seconds
        self.nice = 0
        self.rows, self.notes = [], []
        self.began = time.monotonic()
        self.cores = sorted(os.sched_getaffinity(0))
        self.work.mkdir(parents=True, exist_ok=True)

    def say(self, text):
        print(f"[{time.monotonic() - self.began:4.0f}s] {text}", file=sys.stderr, flush=True)

    def add(self, *args, **kwargs):
        self.rows.append(Row(*args, **kwargs))

    def note(self, text):
        self.notes.append(text)
        self.say(text)

    def program(self, name, *args, env=None, core=None):
        """Runs a program of bench/ to its end; returns the JSON of its last line."""
        argv = [str(self.bin / name), *map(str, args)]
        done = subprocess.run(on_core(core, argv), capture_output=True, text=True, check=False,
                              env={**os.environ, **(env or {})}, timeout=120)
        if done.returncode != 0:
            raise FleetError(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout.splitlines()[-1])

    def fleet(self, name, services, kind=None, **kwargs):
        database = f"calfleet_bench_{name}_{os.getpid()}"
        fleet = (kind or BenchFleet)(self.bin, self.work / name, self.stack, database,
                                     services=services, **kwargs)
        fleet.nice = self.nice
        return fleet

    def server_pids(self, pattern="*"):
        files = Path(self.stack.env["CALFLEET_STACK_DIR"]).glob(f"{pattern}.pid")
        return [int(f.read_text()) for f in files]

    def prefer(self, nice):
        """Servers, services and loads alike go before what else the machine does."""
        self.nice = nice
        for pid in [os.getpid(), *self.server_pids()]:
            set_nice(pid, nice)
        if nice != 0:
            threading.Thread(target=self.prefer_sessions, daemon=True).start()

    def prefer_sessions(self):
        """Each backend of Postgres is a session of its own to the kernel, and begins at 0."""
        seen = set()
        while True:
            for server in self.server_pids("postgres"):
                for pid in set(children(server)) - seen:
                    seen.add(pid)
                    try:
                        set_nice(pid, self.nice)
                    except OSError:
                        pass  # it has ended
            time.sleep(0.1)


class BenchFleet(Fleet):
    """A fleet whose database goes with it."""

    nice = 0

    def start(self):
        super().start()
        for process in self.processes.values():
            set_nice(process.child.pid, self.nice)
        if "sync-worker" in self.names:
            wait_until(self.caught_up, 300, "the worker has done what was on the bus before")

    def caught_up(self):
        return self.metrics("sync-worker").get(BACKLOG, 1) == 0

    def stop(self):
        super().stop()
        self.stack.sql("postgres", f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def pid(self, name):
        return self.processes[name].child.pid

    def metrics(self, name):
        """Samples of /metrics by their whole name, labels included."""
        _, _, body = request("GET", self.admin_url(name) + "/metrics")
        lines = (line.rsplit(" ", 1) for line in body.decode().splitlines()
                 if line and not line.startswith("#"))
        return {key: float(value) for key, value in lines}


def set_nice(pid, nice):
    """Of all threads; and of the session, which is what counts where the kernel groups by it."""
    if nice == 0:
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text(str(nice))


def means(before, after):
    """Of every histogram of /metrics between two looks: (name, mean ms, count), the longest sums
    first."""
    found = []
    for key, value in after.items():
        name, _, labels = key.partition("{")
        if not name.endswith("_seconds_sum"):
            continue
        count_key = name.removesuffix("_sum") + "_count" + ("{" + labels if labels else "")
        count = after[count_key] - before.get(count_key, 0)
        spent = value - before.get(key, 0)
        if count > 0:
            short = name.removeprefix("calfleet_").removesuffix("_seconds_sum")
            label = labels.rstrip("}").split("=")[-1].strip('"')
            found.append((f"{short} {label}".strip(), spent / count * 1000, int(count), spent))
    found.sort(key=lambda f: -f[3])
    return [f[:3] for f in found]


def told_means(found, most=10):
    return ", ".join(f"{name} {ms:.2f} ms × {count}" for name, ms, count in found[:most])


def on_core(core, argv):
    return argv if core is None else ["taskset", "-c", str(core), *argv]


def pin(pid, core):
    """All threads of a process, and those that they start later."""
    subprocess.run(["taskset", "-a", "-c", "-p", str(core), str(pid)], check=True,
                   stdout=subprocess.DEVNULL)


def unpin(pid, cores):
    pin(pid, ",".join(map(str, cores)))


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def tree_cpu_seconds(pid):
    """With its children, those that ended included: Postgres has a process a session."""
    own = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = (int(own[13]) + int(own[14])) / TICKS
    alive = 0.0
    for child in children(pid):
        try:
            alive += cpu_seconds(child)
        except OSError:
            pass  # it ended between the two looks
    return cpu_seconds(pid) + ended + alive


def rss_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def private_bytes(pid):
    """Of the resident memory, what no other process shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(x.split()[1]) for x in lines if x.startswith("Private_"))
