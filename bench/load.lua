-- Sends the requests of a file one after the other and judges every answer.
-- Arguments: file, method, "once" or "cycle", how a right answer starts, and its size when that is known.
-- A line of the file is a body for POST and an address for GET.

local requests, position, once, start, size = {}, 0, false, "", nil
wrong, exhausted, example = 0, 0, ""  -- globals: done() reads them from the thread

function init(args)
    local method = args[2]
    once, start, size = args[3] == "once", args[4], tonumber(args[5])
    local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
    for line in io.lines(args[1]) do
        if method == "GET" then
            requests[#requests + 1] = wrk.format("GET", line)
        else
            requests[#requests + 1] = wrk.format("POST", nil, headers, line)
        end
    end
end

function request()
    position = position + 1
    if position > #requests then
        position = 1
        -- A second cancel of the same order is accepted and does nothing: it would look fast.
        if once then exhausted = exhausted + 1 end
    end
    return requests[position]
end

-- A known size spares searching a megabyte, which would take the server's time.
local function is_right(status, body)
    if status ~= 200 or body:sub(1, #start) ~= start then return false end
    if size then return #body == size end
    return not body:find('"error"', 1, true)
end

function response(status, headers, body)
    if not is_right(status, body) then
        wrong = wrong + 1
        if example == "" then example = status .. " " .. body:sub(1, 200) end
    end
end

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

-- Plain lines after a marker; the latencies as a histogram, so that several runs can be added up.
function done(summary, latency)
    local wrong_answers, ran_out, first_wrong = 0, 0, ""
    for _, thread in ipairs(threads) do
        wrong_answers = wrong_answers + thread:get("wrong")
        ran_out = ran_out + thread:get("exhausted")
        if first_wrong == "" then first_wrong = thread:get("example") end
    end
    local failed = summary.errors
    io.write("=== result\n")
    io.write("requests ", summary.requests, "\n")
    io.write("microseconds ", summary.duration, "\n")
    io.write("wrong ", wrong_answers, "\n")
    io.write("exhausted ", ran_out, "\n")
    io.write("broken ", failed.connect + failed.read + failed.write + failed.timeout, "\n")
    io.write("example ", (first_wrong:gsub("%s+", " ")), "\n")
    for i = 1, #latency do
        local value, count = latency(i)
        io.write("latency ", value, " ", count, "\n")
    end
end
