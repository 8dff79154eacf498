-- What wrk runs for bench/wrk.py: sends one request, checks every answer, says what it counted in one line.
-- Arguments: path, key, file with the body, file with what each answer must begin with, `whole` when it must end there.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Counted for each thread, and read by `done` in another state: so these are globals.
right, wrong_status, wrong_body = 0, 0, 0

function init(arguments)
  local path, key, body, expected, whole = unpack(arguments)
  wanted = read(expected)
  wanted_bytes = #wanted
  is_whole = whole == "whole"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["X-AVAP-Auth"] = key
  message = wrk.format("POST", path, nil, read(body))
end

function request()
  return message
end

function response(status, headers, body)
  if status ~= 200 then
    wrong_status = wrong_status + 1
  elseif body:sub(1, wanted_bytes) ~= wanted or (is_whole and #body ~= wanted_bytes) then
    wrong_body = wrong_body + 1
  else
    right = right + 1
  end
end

function done(summary, latency, requests)
  local sums = { right = 0, wrong_status = 0, wrong_body = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do
      sums[name] = sums[name] + thread:get(name)
    end
  end
  local errors = summary.errors
  print(string.format(
    "counted requests=%d right=%d wrong_status=%d wrong_body=%d lost=%d duration_us=%d p50_us=%d p99_us=%d",
    summary.requests, sums.right, sums.wrong_status, sums.wrong_body,
    errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
