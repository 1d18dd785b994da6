-- The load on ingest and on nginx alike: notices of channels drawn at random from the file that
-- CHANNELS names, and how many answers were no 2xx.
local requests = {}
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    for line in io.lines(os.getenv("CHANNELS")) do
        local token, channel = line:match("^(%S+) (%S+)$")
        requests[#requests + 1] = wrk.format("POST", "/functions/v1/calendar-sync", {
            ["X-Goog-Channel-ID"] = channel,
            ["X-Goog-Channel-Token"] = token,
            ["X-Goog-Resource-State"] = "exists",
            ["X-Goog-Resource-ID"] = "bench-resource",
            ["X-Goog-Message-Number"] = "2",
            ["Content-Length"] = "0",
        })
    end
    math.randomseed(os.time())
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"per_s":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"bad":%d}\n',
        summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
        latency:percentile(99) / 1000, latency.max / 1000,
        e.connect + e.read + e.write + e.status + e.timeout))
end
