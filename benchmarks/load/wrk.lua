-- Sends the requests of a file in turn; counts answers of another status or without the marker of a good answer.
local requests, place = {}, 0
local expected, marker = 200, ""
local sampled = 16 -- one body in so many is looked into: all would cost the client more than the server
wrong, failed = 0, 0

function setup(thread) threads = threads or {}; table.insert(threads, thread) end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  expected, marker = tonumber(args[2]), args[3]
  while true do
    local line = file:read("*l")
    if not line then break end
    requests[#requests + 1] = file:read(tonumber(line))
  end
  file:close()
end

local function shuffle() -- a new order in each pass
  for last = #requests, 2, -1 do
    local other = math.random(last)
    requests[last], requests[other] = requests[other], requests[last]
  end
end

function request()
  place = place + 1
  if place > #requests then
    place = 1
    shuffle()
  end
  return requests[place]
end

function response(status, headers, body)
  if status ~= expected then failed = failed + 1 end
  if marker ~= "" and place % sampled == 0 and not string.find(body, marker, 1, true) then wrong = wrong + 1 end
end

function done(summary, latency, requests)
  local bad, odd = 0, 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("failed"); odd = odd + thread:get("wrong") end
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"seconds":%.6f,"failed":%d,"wrong":%d,"socket":%d,"latency":[',
    summary.requests, summary.duration / 1e6, bad, odd, e.connect + e.read + e.write + e.timeout))
  for p = 0, 100 do io.write(string.format(p == 0 and "%d" or ",%d", p == 0 and latency.min or latency:percentile(math.min(p, 99.9)))) end
  io.write("]}\n")
end
