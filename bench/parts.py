"""Parts beside what they replace: programs that compare within themselves, in rounds of their own,
so that one run is the median already."""

CO = {"switch": "swapcontext", "wake": "uv_async alone", "spawn": "a thread"}
REDIS = {"get1": "hiredis, one at a time", "get32": "hiredis, pipeline of 32"}
RULES = ("daily", "weekly", "monthly", "yearly", "old")


def compare(bench, program, names, unit, told):
    for name, base_name in names.items():
        ours, base = told[f"{name}_{unit}"], told[f"{name}_base_{unit}"]
        bench.add(f"{program}: {name}; {base_name}", {"ns": "ns", "us": "µs"}[unit], [ours],
                  [base], ours / base)


def measure(bench):
    bench.say("parts: coroutines, Redis, recurrence")
    compare(bench, "co", CO, "ns", bench.program("bench_co"))
    port = bench.stack.redis.rsplit(":", 1)[1]
    compare(bench, "redis", REDIS, "us", bench.program("bench_redis", port))
    told = bench.program("bench_recurrence")
    for name in RULES:
        rule = told[name]
        bench.add(f"recurrence: {name}, an occurrence; libical", "ns", [rule["ours_ns"]],
                  [rule["libical_ns"]], rule["ours_ns"] / rule["libical_ns"])
    bench.add("recurrence: an expansion that ends at its bound", "ms", [told["worst_ns"] / 1e6])
