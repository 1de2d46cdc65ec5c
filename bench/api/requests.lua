-- Requests of many callers: each line of the file TOKENS has a building and the token of who may see it. PATH is what
-- they ask for, {b} the building; ACCEPT the media type. With DELAY_MS a connection rests between two requests for that
-- long on average, distributed as between independent callers, so that N connections make N / DELAY_MS requests a
-- millisecond.
local callers, path, accept = {}, os.getenv("PATH_ASKED"), os.getenv("ACCEPT") or "application/json"
local mean = tonumber(os.getenv("DELAY_MS") or "0")

function init()
  for line in io.lines(os.getenv("TOKENS")) do
    local building, token = line:match("^(%S+) (%S+)$")
    callers[#callers + 1] = { building = building, token = token }
  end
  math.randomseed(os.time())
end

function request()
  local caller = callers[math.random(#callers)]
  local headers = { Authorization = "Bearer " .. caller.token, Accept = accept }
  return wrk.format("GET", (path:gsub("{b}", caller.building)), headers)
end

if mean > 0 then
  function delay()
    return math.floor(-mean * math.log(1 - math.random()))
  end
end

function done(summary, latency)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  print(string.format("measured|%.0f|%.2f|%.2f|%.2f|%d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000, errors))
end
