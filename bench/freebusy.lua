-- Questions about free/busy through ingest: each line of the file that QUESTIONS names is a token,
-- a blank, and a body.
local requests = {}

function init()
    for line in io.lines(os.getenv("QUESTIONS")) do
        local token, body = line:match("^(%S+) (.+)$")
        requests[#requests + 1] = wrk.format("POST", "/functions/v1/calendar-freebusy", {
            ["Authorization"] = "Bearer " .. token,
            ["Content-Type"] = "application/json",
        }, body)
    end
end

local at = 0
function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"per_s":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"bad":%d}\n',
        summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
        latency:percentile(99) / 1000, latency.max / 1000,
        e.connect + e.read + e.write + e.status + e.timeout))
end
