"""Sync runs that find nothing new: a storm of notices for thousands of accounts, provider latency
100 ms, TLS and HTTP/2 to the simulator, the worker alone on its core; and what a run in flight
takes of memory."""

import http.client
import json
import os
import ssl
import statistics
import subprocess
import threading
import time

from common import FleetError, BenchFleet, Process, Simulator, cpu_seconds, means, pin, \
    rss_bytes, set_nice, told_means, unpin, wait_until

ACCOUNTS = 5000
WARM = 1000
LATENCY_MS = 100
FIRST = 500                     # in flight: where the bar is
STEPS = (50, 100, 250, 1000, 2000)
BAR_SHARE = 0.90
BAR_BYTES = 64 * 1024
UNCHANGED = 'calfleet_sync_calendar_runs_total{result="unchanged"}'
IN_FLIGHT = 'calfleet_runs_in_flight{group="calfleet-sync"}'


class TlsSimulator(Simulator):
    """The admin API over one kept connection, since thousands of accounts are made by it."""

    def __init__(self, port, ca):
        super().__init__(f"https://localhost:{port}")
        context = ssl.create_default_context(cafile=str(ca))
        self.connection = http.client.HTTPSConnection("localhost", port, context=context,
                                                      timeout=30)

    def admin(self, method, path, body=None, raw=None, content_type="application/json"):
        data = raw if raw is not None else (json.dumps(body) if body is not None else None)
        self.connection.request(method, f"/admin{path}", data, {"Content-Type": content_type})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise FleetError(f"simulator {method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None


class RunsFleet(BenchFleet):
    """The simulator speaks TLS with a certificate of its own authority."""

    def start_simulator(self):
        self.make_certificate()
        port_file = self.dir / "simulator.port"
        port_file.unlink(missing_ok=True)
        argv = [str(self.bin / "calfleet-simulator"), "--listen", "127.0.0.1:0", "--port-file",
                str(port_file), "--allow-http-webhooks", "--tls-cert", str(self.dir / "tls.crt"),
                "--tls-key", str(self.dir / "tls.key"), "--token-ttl-s", "86400"]
        process = Process("simulator", argv, {}, self.dir / "simulator.log")
        self.processes["simulator"] = process
        process.start()
        port = wait_until(lambda: port_file.exists() and port_file.read_text().strip(), 10,
                          "the simulator's port")
        self.simulator = TlsSimulator(int(port), self.dir / "tls.crt")
        self.settings["sync-worker"] = {"provider_ca_file": str(self.dir / "tls.crt"),
                                        "log_level": "warn"}

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", str(self.dir / "tls.key"), "-out", str(self.dir / "tls.crt")],
                       check=True, capture_output=True)

    def worker_sums(self):
        """Runs done, runs in flight."""
        m = self.metrics("sync-worker")
        return m.get(UNCHANGED, 0), m.get(IN_FLIGHT, 0)


# ---- accounts ------------------------------------------------------------------------------------

def rows_of_people(fleet):
    lines = []
    for i in range(ACCOUNTS):
        address = f"run{i}@example.com"
        fleet.simulator.admin("POST", "/accounts", {"email": address, "name": f"Run {i}",
                                                    "zone": "Europe/Lisbon"})
        tokens = fleet.simulator.admin("POST", "/tokens", {
            "account": address, "scope": "https://www.googleapis.com/auth/calendar openid email"})
        lines.append(f"{address} {tokens['access_token']} {tokens['refresh_token']}\n")
    return "".join(lines)


def connect_all(bench, fleet):
    """Rows as consents would leave them, in bulk; then the worker reads each for the first time."""
    user = fleet.create_user("many")
    sealed = subprocess.run([str(bench.bin / "bench_seal")], input=rows_of_people(fleet), text=True,
                            check=True, capture_output=True,
                            env={**os.environ, "CALFLEET_TOKEN_KEYS": fleet.secrets["token_keys"]})
    script = f"""
CREATE TEMP TABLE made (account uuid, shard smallint, connection uuid, address text, access text,
    refresh text);
COPY made FROM STDIN;
{sealed.stdout}\\.
INSERT INTO calfleet.accounts (id, provider, project, subject, shard)
    SELECT account, 'google', 'bench', address, shard FROM made;
INSERT INTO ce_calendar_connections (id, organization_id, user_id, provider, account_id,
    account_email, access_token_encrypted, refresh_token_encrypted, token_version, token_key_id,
    access_token_expires_at, granted_scopes)
    SELECT connection, '{user.organization}', '{user.id}', 'google', account, address, access,
        refresh, 1, 1, now() + interval '1 day',
        '{{https://www.googleapis.com/auth/calendar,openid,email}}' FROM made;
INSERT INTO calfleet.change_counters (connection_id) SELECT connection FROM made
    ON CONFLICT DO NOTHING;
INSERT INTO calfleet.calendars (connection_id, account_id, shard, provider_calendar_id, name,
    time_zone, access_role, is_primary, due_at, due_reason)
    SELECT connection, account, shard, address, address, 'Europe/Lisbon', 'owner', true, now(),
        'import' FROM made;
"""
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                           fleet.stack.dsn(fleet.database)], input=script, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise FleetError(f"psql: {done.stderr[-500:]}")
    began = time.monotonic()
    wait_until(lambda: fleet.sql("SELECT count(*) FROM calfleet.calendars WHERE last_read_at "
                                 "IS NOT NULL AND cursor IS NOT NULL")[0][0] == str(ACCOUNTS),
               120, "the first reads")
    bench.say(f"runs: {ACCOUNTS} accounts read for the first time, and a channel opened for each, "
              f"in {time.monotonic() - began:.1f} s")
    wait_until(lambda: fleet.worker_sums()[1] == 0, 20, "the last runs' end")
    # No poll comes between: what is measured is what the storm asks for.
    fleet.sql("UPDATE calfleet.calendars SET due_at = now() + interval '1 day'; ANALYZE")
    return "".join(f"{a} {c}\n" for a, c in fleet.sql(
        "SELECT account_id, id FROM calfleet.calendars ORDER BY md5(id::text)"))


# ---- one storm -----------------------------------------------------------------------------------

class Usage:
    """Processor time of the worker, of the simulator, and of the core that all others share."""

    def __init__(self, bench, fleet):
        self.others = [f"cpu{n}" for n in bench.cores[1:]]
        self.pids = [fleet.pid("sync-worker"), fleet.pid("simulator")]
        self.at = self.read()

    def read(self):
        with open("/proc/stat", encoding="ascii") as f:
            lines = [x.split() for x in f if x.split()[0] in self.others]
        idle = sum(int(x[4]) + int(x[5]) for x in lines)
        total = sum(int(n) for x in lines for n in x[1:9])
        return [cpu_seconds(p) for p in self.pids], idle, total

    def since(self, runs):
        (before, idle, total), (now, idle2, total2) = self.at, self.read()
        worker, simulator = ((b - a) / runs * 1e6 for a, b in zip(before, now))
        busy = 1 - (idle2 - idle) / max(1, total2 - total)
        return {"cpu_us": worker, "simulator_us": simulator, "others_busy": busy}


def storm(bench, fleet, lines, in_flight, idle_rss):
    """Rate of the middle of the storm (10 to 90 % done), and what it took."""
    pid = fleet.pid("sync-worker")
    count = lines.count("\n")
    first, _ = fleet.worker_sums()
    before = fleet.metrics("sync-worker")
    usage = Usage(bench, fleet)
    sender = threading.Thread(target=lambda: subprocess.run(
        [str(bench.bin / "bench_storm"), bench.stack.kafka], input=lines, text=True, check=True,
        capture_output=True))
    sender.start()
    points, peak = [], (0, 0)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done, flying = fleet.worker_sums()
        points.append((time.monotonic(), done - first))
        peak = max(peak, (rss_bytes(pid), flying))
        if done - first >= count:
            break
        time.sleep(0.05)
    sender.join()
    if points[-1][1] < count:
        raise FleetError(f"only {points[-1][1]} of {count} runs after 60 s")
    middle = [p for p in points if 0.1 * count <= p[1] <= 0.9 * count]
    if len(middle) < 3:
        middle = points
    rate = (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])
    return {"rate": rate, "ideal": in_flight * 1000 / LATENCY_MS, "in_flight": in_flight,
            "grown": peak[0] - idle_rss, "flying": peak[1],
            "means": means(before, fleet.metrics("sync-worker")), **usage.since(count)}


def warm_storm(bench, fleet, lines, in_flight):
    """In a worker that has just begun: a small storm opens its connections, the next is told."""
    fleet.restart("sync-worker", {"CALFLEET_MAX_IN_FLIGHT": str(in_flight)})
    pin(fleet.pid("sync-worker"), bench.cores[0])
    set_nice(fleet.pid("sync-worker"), bench.nice)
    idle_rss = rss_bytes(fleet.pid("sync-worker"))
    accounts = lines.splitlines(keepends=True)
    storm(bench, fleet, "".join(accounts[:WARM]), in_flight, idle_rss)
    return storm(bench, fleet, "".join(accounts[WARM:]), in_flight, idle_rss)


# ---- the figure ----------------------------------------------------------------------------------

def pin_others(bench, fleet):
    """Everything but the worker away from its core; Postgres before its sessions are opened."""
    pids = [*bench.server_pids(), fleet.pid("simulator"), fleet.pid("ingest")]
    for pid in pids:
        pin(pid, ",".join(map(str, bench.cores[1:])))
    return pids


def report(bench, at_first, knee):
    rates = [r["rate"] for r in at_first]
    ideal = [r["ideal"] for r in at_first]
    share = statistics.median(rates) / ideal[0]
    bench.add(f"runs with nothing new, {FIRST} in flight; in flight ÷ latency", "/s", rates, ideal,
              share, "≥ 0.90", share >= BAR_SHARE)
    bench.add("runs with nothing new: the worker's processor time a run", "µs",
              [r["cpu_us"] for r in at_first])
    bench.note(f"runs, {FIRST} in flight: the simulator took "
               f"{statistics.median(r['simulator_us'] for r in at_first):.0f} µs a run; the cores "
               "without the worker were busy to "
               f"{statistics.median(r['others_busy'] for r in at_first):.0%}")
    bench.note(f"runs, {FIRST} in flight, means of the worker's own histograms: "
               + told_means(at_first[-1]["means"]))
    for r in knee:
        share = r["rate"] / r["ideal"]
        bench.add(f"runs, {r['in_flight']} in flight; in flight ÷ latency", "/s", [r["rate"]],
                  [r["ideal"]], share)
    each = [r["grown"] / r["flying"] for r in at_first if r["flying"]]
    if each:
        mid = statistics.median(each)
        bench.add(f"memory: growth for each run in flight, at {FIRST}", "KiB",
                  [x / 1024 for x in each], [], None, "< 64", mid < BAR_BYTES)


def measure(bench):
    if len(bench.cores) < 2:
        bench.note("runs: not measured, it needs two cores")
        return
    fleet = bench.fleet("runs", ("ingest", "sync-worker"), kind=RunsFleet)
    with fleet:
        lines = connect_all(bench, fleet)
        fleet.simulator.admin("POST", "/faults", {"kind": "latency", "delay_ms": LATENCY_MS,
                                                  "path": "/calendar/v3"})
        pinned = pin_others(bench, fleet)
        try:
            at_first, knee = [], []
            for i in range(bench.rounds):
                bench.say(f"runs: {FIRST} in flight, round {i + 1} of {bench.rounds}")
                at_first.append(warm_storm(bench, fleet, lines, FIRST))
            for in_flight in STEPS:
                bench.say(f"runs: the knee, {in_flight} in flight")
                knee.append(warm_storm(bench, fleet, lines, in_flight))
        finally:
            for pid in pinned:
                unpin(pid, bench.cores)
    report(bench, at_first, knee)
