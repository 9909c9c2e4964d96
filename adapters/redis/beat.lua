-- Tells that a machine is alive, and withdraws the presences of those that are not.
-- KEYS: the log, the newest events of all keys, the announcements, the machines.
-- ARGV: MAXLEN, the epoch, the machine, whether it has presences (1 or 0), whether it may judge others
-- (1 or 0), and after how many milliseconds of silence a machine is dead.
-- Returns whether the machine was known. Begins with announcements.lua.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local is_known = 1
if ARGV[4] == '1' then
    is_known = 1 - redis.call('HSET', KEYS[4], ARGV[3], string.format('%.0f', now))
else
    redis.call('HDEL', KEYS[4], ARGV[3])
end
if ARGV[5] == '0' or redis.call('EXISTS', KEYS[1]) == 0 then return is_known end

local dead, are_dead = {}, false
local machines = redis.call('HGETALL', KEYS[4])
for index = 1, #machines, 2 do
    if tonumber(machines[index + 1]) + tonumber(ARGV[6]) <= now then
        dead[machines[index]] = true
        are_dead = true
    end
end
if not are_dead then return is_known end
local present = redis.call('HGETALL', KEYS[3])
for index = 1, #present, 2 do
    local all = cmsgpack.unpack(present[index + 1])
    local left, last, newest = {}, nil, all[#all]
    for _, one in ipairs(all) do
        if dead[string.match(one.token, '^[^-]*')] then last = one else left[#left + 1] = one end
    end
    if last then
        local fields
        if #left == 0 then
            fields = last.gone
        elseif last == newest then
            fields = left[#left].here
        end
        local id
        if fields then
            id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*', unpack(fields))
        end
        keep(present[index], left, fields, id)
    end
end
for machine in pairs(dead) do redis.call('HDEL', KEYS[4], machine) end
return is_known
