"""Webhooks answered after Kafka's report, beside nginx `return 202` on the same core under the same
load, and beside a bare producer's time to its reports."""

import json
import os
import statistics
import subprocess

from common import HERE, FleetError, cpu_seconds, free_port, median_ratio, on_core, pin, unpin, \
    wait_until, request

CONNECTIONS = 256
CALM = 8  # connections of a load that leaves both cores room
CHANNELS = 10000
BAR_SHARE = 0.70
BAR_MORE_MS = 3.0

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
    uwsgi_temp_path {dir}; scgi_temp_path {dir};
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ return 202; }}
    }}
}}
"""


class Nginx:
    def __init__(self, directory, core):
        self.dir, self.core, self.port = directory, core, free_port()

    def __enter__(self):
        conf = self.dir / "nginx.conf"
        conf.write_text(NGINX.format(dir=self.dir, port=self.port))
        argv = ["/usr/sbin/nginx", "-p", str(self.dir), "-c", str(conf)]
        with open(self.dir / "nginx.out", "wb") as out:
            self.child = subprocess.Popen(on_core(self.core, argv), stdout=out, stderr=out)
        wait_until(lambda: request("POST", self.url())[0] == 202, 10,
                   f"nginx; see {self.dir}/nginx.out")
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()

    def url(self):
        return f"http://127.0.0.1:{self.port}/"


def wrk(url, channels, seconds, core, connections=CONNECTIONS):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
            str(HERE / "webhook.lua"), url]
    done = subprocess.run(on_core(core, argv), capture_output=True, text=True, check=False,
                          env={**os.environ, "CHANNELS": str(channels)}, timeout=seconds + 60)
    lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        raise FleetError(f"wrk: {done.stdout}{done.stderr}")
    return json.loads(lines[0].removeprefix("RESULT "))


def make_channels(bench, fleet):
    path = bench.work / "channels"
    with open(path, "w", encoding="ascii") as out:
        subprocess.run([str(bench.bin / "bench_webhook_tokens"), str(CHANNELS)], check=True,
                       stdout=out,
                       env={**os.environ, "CALFLEET_WEBHOOK_KEYS": fleet.secrets["webhook_keys"]})
    return path


def round_of(bench, fleet, nginx, channels, seconds):
    ours_core, load_core = bench.cores[0], bench.cores[1]
    pid = fleet.pid("ingest")
    before = cpu_seconds(pid)
    ours = wrk(fleet.url(), channels, seconds, load_core)
    ours["core_share"] = (cpu_seconds(pid) - before) / seconds
    base_before = cpu_seconds(nginx.child.pid)
    base = wrk(nginx.url(), channels, seconds, load_core)
    base["core_share"] = (cpu_seconds(nginx.child.pid) - base_before) / seconds
    acks = bench.program("bench_producer", bench.stack.kafka, CONNECTIONS, seconds, core=ours_core)
    calm = (wrk(fleet.url(), channels, 2, load_core, CALM),
            bench.program("bench_producer", bench.stack.kafka, CALM, 1, core=ours_core))
    return ours, base, acks, calm


def report(bench, rounds):
    ours, base, acks, calm = zip(*rounds)
    rates = [r["per_s"] for r in ours], [r["per_s"] for r in base]
    share = median_ratio(*rates)
    bench.add("webhook: answers, 256 connections, 10,000 channels; nginx", "/s", *rates, share,
              "≥ 0.70", share >= BAR_SHARE)
    p99 = [r["p99_ms"] for r in ours]
    ack_p99 = [r["p99_ms"] for r in acks]
    more = statistics.median(a - b for a, b in zip(p99, ack_p99))
    bench.add("webhook: p99; bare producer's acks", "ms", p99, ack_p99, median_ratio(p99, ack_p99),
              "≤ base + 3 ms", more <= BAR_MORE_MS)
    calm_ours, calm_base = ([pair[i]["p99_ms"] for pair in calm] for i in (0, 1))
    bench.add(f"webhook: p99, {CALM} connections; bare producer's acks, {CALM} in flight", "ms",
              calm_ours, calm_base, median_ratio(calm_ours, calm_base))
    per = [r["core_share"] / r["per_s"] * 1e6 for r in ours]
    base_per = [r["core_share"] / r["per_s"] * 1e6 for r in base]
    bench.add("webhook: processor time an answer, librdkafka's threads included; nginx's", "µs",
              per, base_per, median_ratio(per, base_per))
    acks_per = [r["cpu_us"] for r in acks]
    bench.add("webhook: processor time an answer; bare producer's a record", "µs", per, acks_per,
              median_ratio(per, acks_per))
    bad = sum(r["bad"] for r in ours + base)
    if bad:
        bench.note(f"webhook: {bad} answers under load were no success")
    bench.note("webhook: share of its core that was used: ingest "
               f"{statistics.median(r['core_share'] for r in ours):.2f}, nginx "
               f"{statistics.median(r['core_share'] for r in base):.2f}; bare producer "
               f"{statistics.median(r['per_s'] for r in acks):,.0f} records/s")


def measure(bench):
    if len(bench.cores) < 2:
        bench.note("webhook: not measured, it needs two cores")
        return
    with bench.fleet("webhook", ("ingest",)) as fleet, \
            Nginx(bench.work / "webhook", bench.cores[0]) as nginx:
        channels = make_channels(bench, fleet)
        pin(fleet.pid("ingest"), bench.cores[0])
        brokers = bench.server_pids("kafka-*")
        for pid in brokers:
            pin(pid, ",".join(map(str, bench.cores[2:] or bench.cores[1:])))
        try:
            round_of(bench, fleet, nginx, channels, 2)
            rounds = []
            for i in range(bench.rounds):
                bench.say(f"webhook: round {i + 1} of {bench.rounds}")
                rounds.append(round_of(bench, fleet, nginx, channels, bench.seconds))
        finally:
            for pid in brokers:
                unpin(pid, bench.cores)
    report(bench, rounds)
