-- Appends an event with a key, and keeps it as the newest of its key, or forgets that one.
-- KEYS: the log, the newest events of all keys.
-- ARGV: MAXLEN, the epoch, how many keys there may be, 'set' or 'del', the number of fields of the
-- hash, these fields, the event as one text, and then the fields of the entry.
local count = tonumber(ARGV[5])
if ARGV[4] == 'set' then
    local free = tonumber(ARGV[3]) - redis.call('HLEN', KEYS[2])
    for index = 6, 5 + count do
        if redis.call('HEXISTS', KEYS[2], ARGV[index]) == 0 then free = free - 1 end
    end
    if free < 0 then return redis.error_reply('TOOMANYKEYS the log has as many keys as it may') end
end
local fields = {}
for index = 7 + count, #ARGV do fields[#fields + 1] = ARGV[index] end
local id = redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*',
    unpack(fields))
if id then
    for index = 6, 5 + count do
        if ARGV[4] == 'set' then
            redis.call('HSET', KEYS[2], ARGV[index], id .. '\n' .. ARGV[6 + count])
        else
            redis.call('HDEL', KEYS[2], ARGV[index])
        end
    end
end
return id
