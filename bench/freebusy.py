"""Free/busy answered from the cache, through the bus and back, beside a bare loop of produce,
consume, one SELECT, one GET, produce, consume."""

import datetime
import json
import os
import subprocess

from common import HERE, FleetError, cpu_seconds, means, median_ratio, told_means, \
    tree_cpu_seconds, wait_until

PEOPLE = 32
EVENTS = 100
COUNTS = {1: 600, 32: 3000}  # questions of a round, by how many are in flight
REQUEST_BYTES = 300            # of a sealed question with its headers
SEAL_BYTES = 40                # what sealing adds to a reply
BAR = 1.5


class Asker:
    """People with synced calendars, and the three ways to ask about them."""

    def __init__(self, bench, fleet):
        self.bench, self.fleet = bench, fleet
        self.users = self.connect_people()
        self.people = "".join(f"{u.id} {u.organization}\n" for u in self.users)
        self.questions = bench.work / "questions"
        self.questions.write_text("".join(f"{u.token} {self.question(u)}\n" for u in self.users))
        self.reply_bytes = self.check()

    def connect_people(self):
        fleet = self.fleet
        organization = fleet.create_organization()
        users = []
        for i in range(PEOPLE):
            address = f"person{i}@example.com"
            fleet.simulator.admin("POST", "/accounts", {"email": address, "name": f"Person {i}",
                                                        "zone": "Europe/Lisbon"})
            fleet.simulator.admin("POST", "/generate", {
                "account": address, "calendar": "primary", "count": EVENTS, "series": 10,
                "exceptions": 5, "all_day": 10, "dst": 5, "seed": i + 1})
            user = fleet.create_user(f"person{i}", organization)
            fleet.connect(user, address)
            users.append(user)
        wait_until(lambda: fleet.sql(
            "SELECT count(*) FROM ce_calendar_connections WHERE last_sync_at IS NOT NULL"
        )[0][0] == str(PEOPLE), 60, "the first imports")
        wait_until(lambda: fleet.sql(
            "SELECT count(DISTINCT account_id) FROM calfleet.channels WHERE state = 'open'"
        )[0][0] == str(PEOPLE), 30, "the push channels")
        return users

    def question(self, user):
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        return json.dumps({"organization_id": user.organization, "users": [user.id],
                           "time_min": now.isoformat(),
                           "time_max": (now + datetime.timedelta(days=7)).isoformat()})

    def check(self):
        """The second answer must come from the cache; returns the bytes of a body."""
        for _ in range(2):
            status, body, _ = self.fleet.call("POST", "/functions/v1/calendar-freebusy",
                                              json.loads(self.question(self.users[0])),
                                              user=self.users[0])
        text = json.dumps(body)
        if status != 200 or '"cache"' not in text:
            raise FleetError(f"free/busy is no hit of the cache: {status} {text[:500]}")
        return len(text)

    def by_bus(self, wide):
        argv = [str(self.bench.bin / "bench_freebusy"), self.bench.stack.kafka, str(wide),
                str(COUNTS[wide])]
        done = subprocess.run(argv, input=self.people, capture_output=True, text=True, check=False,
                              timeout=120, env={**os.environ, "CALFLEET_BUS_KEYS":
                                                self.fleet.secrets["bus_keys"]})
        if done.returncode != 0:
            raise FleetError(f"bench_freebusy: {done.stderr.strip()}")
        return json.loads(done.stdout.splitlines()[-1])

    def by_http(self, wide):
        argv = ["wrk", "-t1", f"-c{wide}", f"-d{self.bench.seconds}s", "--latency", "-s",
                str(HERE / "freebusy.lua"), self.fleet.url()]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120,
                              env={**os.environ, "QUESTIONS": str(self.questions)})
        lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
        if not lines:
            raise FleetError(f"wrk: {done.stdout}{done.stderr}")
        result = json.loads(lines[0].removeprefix("RESULT "))
        if result["bad"]:
            self.bench.note(f"free/busy: {result['bad']} answers over HTTP were no success")
        return result

    def bare(self, wide):
        stack = self.bench.stack
        return self.bench.program(
            "bench_reqreply", stack.kafka, stack.dsn(self.fleet.database),
            stack.redis.rsplit(":", 1)[1], wide, COUNTS[wide], REQUEST_BYTES,
            self.reply_bytes + SEAL_BYTES)


class Usage:
    """Processor time of the service, of Postgres and of the broker for a question, and where the
    service's own histograms saw the time go."""

    def __init__(self, bench, fleet):
        self.fleet, self.pid = fleet, fleet.pid("freebusy")
        self.postgres, = bench.server_pids("postgres")
        self.brokers = bench.server_pids("kafka-*")
        self.at, self.histograms = self.read(), fleet.metrics("freebusy")

    def read(self):
        return (cpu_seconds(self.pid), tree_cpu_seconds(self.postgres),
                sum(cpu_seconds(p) for p in self.brokers))

    def told(self):
        found = means(self.histograms, self.fleet.metrics("freebusy"))
        questions = next(count for name, _, count in found if name == "freebusy")
        service, postgres, broker = ((b - a) / questions * 1e6
                                     for a, b in zip(self.at, self.read()))
        return (f"{service:.0f} µs of the service, {postgres:.0f} µs of Postgres, {broker:.0f} µs "
                f"of the broker for a question; means: {told_means(found)}")


def report(bench, wide, bus, base, http):
    name = f"free/busy hit, {wide} in flight"
    for what in ("p50", "p99"):
        key = f"{what}_ms"
        ours, bare = [r[key] for r in bus], [r[key] for r in base]
        ratio = median_ratio(ours, bare)
        bench.add(f"{name}, {what}; bare loop", "ms", ours, bare, ratio, "≤ 1.50", ratio <= BAR)
        front = [r[key] for r in http]
        bench.add(f"{name}, {what}, asked through ingest; bare loop", "ms", front, bare,
                  median_ratio(front, bare))


def measure(bench):
    with bench.fleet("freebusy", ("ingest", "sync-worker", "freebusy")) as fleet:
        asker = Asker(bench, fleet)
        for wide in COUNTS:
            asker.bare(wide)
            usage = Usage(bench, fleet)
            asker.by_bus(wide)
            bench.note(f"free/busy, {wide} in flight: {usage.told()}")
            bus, base, http = [], [], []
            for i in range(bench.rounds):
                bench.say(f"free/busy: {wide} in flight, round {i + 1} of {bench.rounds}")
                bus.append(asker.by_bus(wide))
                base.append(asker.bare(wide))
                http.append(asker.by_http(wide))
            report(bench, wide, bus, base, http)
        hits = fleet.metrics("freebusy")
        bench.note("free/busy: blocks asked of Redis: " + ", ".join(
            f"{key.split('result=')[-1].strip('}')} {int(value)}" for key, value in hits.items()
            if key.startswith("calfleet_freebusy_cache_total")))
