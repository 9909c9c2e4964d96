-- Closes a topic for some time.
-- KEYS: the log, the closed topics.
-- ARGV: MAXLEN, the epoch, the topic, the milliseconds, and then the fields of the entry.
local fields = {}
for index = 5, #ARGV do fields[#fields + 1] = ARGV[index] end
local id = redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*',
    unpack(fields))
if id then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local topics = redis.call('HGETALL', KEYS[2])
    for index = 1, #topics, 2 do
        if tonumber(topics[index + 1]) <= now then redis.call('HDEL', KEYS[2], topics[index]) end
    end
    redis.call('HSET', KEYS[2], ARGV[3], string.format('%.0f', now + tonumber(ARGV[4])))
end
return id
