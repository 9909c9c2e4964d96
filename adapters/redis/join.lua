-- Takes part in a log, and opens an epoch if need be. Atomic, also in its effects.
-- KEYS: the facts of the log.
-- ARGV: the prefix of the log's key, the newest epoch that the caller has seen, whether a new one is
-- wanted (1 or 0), the six random digits of a new one, and the generation of a new log.
local replication = redis.call('INFO', 'replication')
if string.match(replication, 'role:(%a+)') ~= 'master' then
    return redis.error_reply('READONLY this server is a replica')
end
local server = string.match(replication, 'master_replid:(%x+)')
local facts = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'server', 'lineage')
local generation, epoch, lineage = facts[1], facts[2], facts[4]

-- Epochs are of 19 digits, too many for a number, so they are compared as text.
local function padded(text)
    return string.rep('0', 19 - #text) .. text
end
local function milliseconds(text)
    return tonumber(string.sub(padded(text), 1, 13))
end

local tip
if generation then
    local newest = redis.call('XREVRANGE', ARGV[1] .. generation, '+', '-', 'COUNT', 1)
    tip = newest[1] and newest[1][1]
end
local is_kept = tip and facts[3] == server and ARGV[3] == '0' and padded(ARGV[2]) <= padded(epoch)
if not is_kept then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local new = math.max(now, milliseconds(ARGV[2]) + 1)
    if epoch then new = math.max(new, milliseconds(epoch) + 1) end
    if tip then
        new = math.max(new, milliseconds(string.match(tip, '^%d+')) + 1)
    else
        -- A log that was lost never returns under its old key.
        generation, lineage = ARGV[5], ''
    end
    epoch = string.format('%013.0f', new) .. ARGV[4]
    local lines = {}
    for line in string.gmatch(lineage or '', '[^,]+') do lines[#lines + 1] = line end
    lines[#lines + 1] = epoch .. ':' .. (tip or '')
    lineage = table.concat(lines, ',', math.max(1, #lines - 999))
    redis.call('XADD', ARGV[1] .. generation, epoch .. '-0', 'v', '1', 'kind', 'epoch',
        'at', string.format('%.0f', now), 'previous', tip or '')
    redis.call('HSET', KEYS[1], 'format', '1', 'generation', generation, 'epoch', epoch,
        'server', server, 'lineage', lineage)
    tip = epoch .. '-0'
end
return { 1, server, generation, epoch, tip, '', {} }
