-- The programs of `avap bench vm` on Lua and LuaJIT: lines in, lines out; see bench/reference/README.md.

local programs = {}

function programs.additions(n)
  local t = 0
  for i = 0, n - 1 do
    t = t + i
  end
  return t
end

local function fib(n)
  if n < 2 then
    return n
  end
  return fib(n - 1) + fib(n - 2)
end
programs.fibonacci = fib

function programs.texts(n)
  local t = ""
  for i = 0, n - 1 do
    t = "T-" .. tostring(i)
  end
  return t
end

for line in io.lines() do
  local name, n, turns = line:match("^(%S+) (%d+) (%d+)$")
  local program, result = programs[name], nil
  n, turns = tonumber(n), tonumber(turns)
  result = program(n)
  local start = os.clock() -- CPU time of the process, in seconds
  for _ = 1, turns do
    result = program(n)
  end
  print(string.format("%.0f %s", (os.clock() - start) * 1e9, tostring(result)))
  io.flush()
end
