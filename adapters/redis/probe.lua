-- Reports on a log. Changes nothing, and so runs on a replica too.
-- KEYS: the facts of the log, its closed topics.
-- ARGV: the prefix of the log's key, and whether the lineage is wanted (1 or 0).
local replication = redis.call('INFO', 'replication')
local is_master = string.match(replication, 'role:(%a+)') == 'master'
local server = string.match(replication, 'master_replid:(%x+)')
local facts = redis.call('HMGET', KEYS[1], 'generation', 'epoch', 'lineage')
local tip, lineage, closed = '', '', {}
if facts[1] then
    local newest = redis.call('XREVRANGE', ARGV[1] .. facts[1], '+', '-', 'COUNT', 1)
    tip = newest[1] and newest[1][1] or ''
end
if ARGV[2] == '1' then
    lineage = facts[3] or ''
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local topics = redis.call('HGETALL', KEYS[2])
    for index = 1, #topics, 2 do
        local left = tonumber(topics[index + 1]) - now
        if left > 0 then
            closed[#closed + 1] = topics[index]
            closed[#closed + 1] = string.format('%.0f', left)
        end
    end
end
return { is_master and 1 or 0, server, facts[1] or '', facts[2] or '0', tip, lineage, closed }
