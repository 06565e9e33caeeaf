-- SPDX-License-Identifier: BSD-3-Clause
-- Sends the capture of port 0 at a fixed rate and counts what comes back by port 1; see README.md.
--
-- In, from the environment: WEFT_MPPS, a number or "full"; WEFT_LENGTH, the mean length of the frames
-- without FCS; WEFT_SECONDS; WEFT_ANNOUNCE, "yes" to send the two packets of port 1's capture first;
-- WEFT_RESULT, a file
-- Out: a line "sent N received N seconds S" in that file

local WIRE_OVERHEAD = 24 -- preamble, FCS, gap between frames

local function setting(name)
	local text = os.getenv(name)
	if text == nil then
		error(name .. " is not set")
	end
	return text
end

-- Percent of the link's speed.
local function rate()
	local mpps = setting("WEFT_MPPS")
	if mpps == "full" then
		return 100
	end
	local link_mbps = tonumber(pktgen.linkState("0")[0]:match("(%d+)"))
	local bits = (tonumber(setting("WEFT_LENGTH")) + WIRE_OVERHEAD) * 8
	return math.min(100, tonumber(mpps) * bits / link_mbps * 100)
end

-- Delays take longer than asked where Pktgen shares its CPU.
local function uptime_s()
	local file = assert(io.open("/proc/uptime"))
	local seconds = file:read("n")
	file:close()
	return seconds
end

local function announce()
	pktgen.set("1", "count", 2)
	pktgen.start("1")
	pktgen.delay(200)
	pktgen.stop("1")
end

local function run()
	local seconds = tonumber(setting("WEFT_SECONDS"))
	local result = setting("WEFT_RESULT")
	local out = assert(io.open(result .. ".new", "w"))

	if setting("WEFT_ANNOUNCE") == "yes" then
		announce()
	end
	pktgen.set("0", "rate", rate())
	pktgen.clr()
	local start_s = uptime_s()
	pktgen.start("0")
	pktgen.delay(math.floor(seconds * 1000))
	pktgen.stop("0")
	local took_s = uptime_s() - start_s
	pktgen.delay(1500) -- what is on its way arrives; counters are read once a second
	local sent = pktgen.portStats("0", "port")[0].opackets
	local received = pktgen.portStats("1", "port")[1].ipackets
	out:write(string.format("sent %d received %d seconds %.2f\n", sent, received, took_s))
	out:close()
	assert(os.rename(result .. ".new", result)) -- a result that is there is whole
	pktgen.delay(1000) -- the other end goes first, if it wants to
end

pktgen.screen("off")
-- An error would leave Pktgen at its prompt for ever.
local ok, message = pcall(run)
if not ok then
	io.stderr:write("rate.lua: " .. tostring(message) .. "\n")
end
pktgen.quit()
