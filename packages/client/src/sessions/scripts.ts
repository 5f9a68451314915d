/** What the server does with sessions. The first key is the session, or a bucket's list; the second, where there is one, the list of its bucket. */
import { script } from '../connection/connection.ts'
import { idLength } from '../ids.ts'

/** Sessions that have ended leave the list with one call of sixteen. */
const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if time[2] % 16 == 0 then
  local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 128)
  if #ended > 0 then redis.call('ZREM', KEYS[2], unpack(ended)) end
end
`
/**
 * Arguments: how it began when it was read, or nothing for a new one; what it shall be. Answers 1; or 0 where it is gone; or the session, where others have
 * changed it.
 */
const compare = `
local found = redis.call('GETRANGE', KEYS[1], 0, ${idLength})
if found ~= ARGV[1] then
  if found == '' or found == '0' then return 0 end
  return redis.call('GET', KEYS[1])
end
`
/** And its time, and its id. */
export const setScript = script(`${compare}${clock}
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
return 1`)

/** Its end stays as it is, and so does the list: a third of the work. */
export const changeScript = script(`${compare}
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`)

/** Where the server has no memory left the list is behind until the next touch, but nobody is thrown out. */
export const touchScript = script(`${clock}
local found = redis.call('GETRANGE', KEYS[1], 0, 0)
if found ~= '1' then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local listed = redis.pcall('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
if type(listed) == 'table' and listed.err and not string.find(listed.err, 'OOM') then return listed end
return 1`)

/** Where the server has no memory left the session goes all the same. Without a tombstone only a request that had not read it could make it anew. */
export const destroyScript = script(`${clock}
local set = redis.pcall('SET', KEYS[1], '0', 'PX', ARGV[2])
if type(set) == 'table' and set.err then
  if not string.find(set.err, 'OOM') then return set end
  redis.call('DEL', KEYS[1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`)

export const countScript = script(`
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '(' .. (time[1] * 1000 + math.floor(time[2] / 1000)), '+inf')`)
