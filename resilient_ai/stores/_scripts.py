"""What runs inside Redis or Valkey, so that an entry, its place in the order and the bytes in use change together.

``order`` is a sorted set (which was written when), ``sizes`` a hash (bytes of each), ``bytes`` their sum. A server that
throws one of them away under pressure loses a bound for a while, and no entry outlives its own time.
"""

from __future__ import annotations

__all__ = ["CLAIM", "CLEAR", "DELETE", "RELEASE", "SET"]

DROP = """
local entries = ARGV[1]
local function forget(key)
  local size = redis.call('HGET', KEYS[2], key)
  redis.call('ZREM', KEYS[1], key)
  if size then
    redis.call('HDEL', KEYS[2], key)
    redis.call('DECRBY', KEYS[3], size)
  end
end
local function drop(key)
  forget(key)
  return redis.call('DEL', entries .. key)
end
"""

DELETE = (
    DROP
    + """
local gone = 0
for i = 2, #ARGV do gone = gone + drop(ARGV[i]) end
return gone
"""
)
"""Keys: order, sizes, bytes. Arguments: what entries' names begin with, then their keys. Gives how many there were."""

SET = (
    DROP
    + """
local key, record, life, now, ended, salt = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[8]
local most = tonumber(ARGV[7])
local size = #record + 2 * #key + 256
local fits = record ~= '' and size <= most
if fits then
  -- First of all: once a script has written, a server that is full lets it write on.
  redis.call('SET', entries .. key, record, 'PX', life)
  forget(key)
else
  drop(key)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ended, 'LIMIT', 0, 100)) do drop(old) end
if redis.call('ZCARD', KEYS[1]) == 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
if fits then
  local used = tonumber(redis.call('GET', KEYS[3]) or '0')
  while used + size > most do
    local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
    if not first then break end
    drop(first)
    used = tonumber(redis.call('GET', KEYS[3]) or '0')
  end
  redis.call('ZADD', KEYS[1], now, key)
  redis.call('HSET', KEYS[2], key, size)
  redis.call('INCRBY', KEYS[3], size)
end
redis.call('SET', KEYS[4], salt, 'NX')
return redis.call('GET', KEYS[4])
"""
)
"""Keys: order, sizes, bytes, salt. Arguments: what entries' names begin with, the key, the record (empty: none is to
be kept), its milliseconds to live, now, the moment before which entries are over, the most bytes, the salt. Gives the
salt that lies there."""

CLEAR = "return redis.call('DEL', unpack(KEYS))"

CLAIM = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
