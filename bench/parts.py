"""Parts beside what they replace: programs that compare within themselves."""

from common import shown

MICRO = {
    "bench_co": ("switch_ns", "wake_ns", "spawn_ns"),
    "bench_redis": ("get1_us", "get32_us"),
}
BASES = {"switch_ns": "switch of Boost.Context", "wake_ns": "wake by uv_async",
         "spawn_ns": "a thread", "get1_us": "hiredis, one at a time",
         "get32_us": "hiredis, pipeline"}


def measure(bench):
    for program, figures in MICRO.items():
        args = [bench.stack.redis.rsplit(":", 1)[1]] if program == "bench_redis" else []
        told = bench.program(program, *args)
        for key in figures:
            name, unit = key.rsplit("_", 1)
            base = told[f"{name}_base_{unit}"]
            bench.add(f"{program.removeprefix('bench_')}: {name}; {BASES[key]}",
                      {"ns": "ns", "us": "µs"}[unit], [told[key]], [base], told[key] / base)
            bench.say(f"{program}: {name} {shown(told[key])} {unit}, baseline {shown(base)}")
