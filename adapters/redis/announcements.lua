-- Keeps what is left of the announcements of a key, and the event that stands for it. `KEYS[2]` are the
-- newest events of all keys, and `KEYS[3]` the announcements.
local function keep(field, all, fields, id)
    if #all == 0 then
        redis.call('HDEL', KEYS[3], field)
        redis.call('HDEL', KEYS[2], field)
        return
    end
    redis.call('HSET', KEYS[3], field, cmsgpack.pack(all))
    if fields then
        local packed = {}
        for _, part in ipairs(fields) do packed[#packed + 1] = #part .. ':' .. part end
        redis.call('HSET', KEYS[2], field, id .. '\n' .. table.concat(packed))
    end
end

