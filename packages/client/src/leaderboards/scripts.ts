/**
 * What runs on the server. A board, or one shard of it, has these keys, all in one slot:
 *
 * | key | type | what |
 * |---|---|---|
 * | `…:order` | sorted set | names in the order of the ranks: the score (negative where high is first), then the name: 16 digits of time and the id |
 * | `…:names` | hash | from id to name; from the empty id, which no member has, the time of the latest name |
 * | `…:data` | hash | from id to what the application keeps of a member, as JSON |
 * | `…:distinct` | sorted set | each score once, for dense ranks |
 * | `…:counts` | hash | how many members have that score |
 *
 * Equal scores stand in the order of their names, so who is ahead among equals is not packed into the score, which keeps its 53 bits.
 */
import { type Script, script } from '../connection.ts'

/** KEYS in this order. */
export const keyNames = ['order', 'names', 'data', 'distinct', 'counts'] as const

const digits = 16
/** Where the id stands in a name, from 0. */
export const nameStart = digits + 1

const shared = `
local order, names, data, distinct, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function idOf(name) return string.sub(name, ${nameStart + 1}) end
local function forgetScore(score)
  if tonumber(redis.call('HINCRBY', counts, score, -1)) <= 0 then
    redis.call('HDEL', counts, score)
    redis.call('ZREM', distinct, score)
  end
end
local function drop(id, dense)
  local name = redis.call('HGET', names, id)
  if not name then return false end
  local score = redis.call('ZSCORE', order, name)
  redis.call('ZREM', order, name)
  redis.call('HDEL', names, id)
  if dense then forgetScore(score) end
  return true
end
`

/** Rows: place of the first one from 0, how many are ahead of it by score, distinct scores ahead or -1, then names and scores by turns, and what is kept with each, where anything is. */
const reading = `
local function denseBelow(score) return redis.call('ZCOUNT', distinct, '-inf', '(' .. score) end
local function below(score) return redis.call('ZCOUNT', order, '-inf', '(' .. score) end
local function rows(from, to)
  if to < from then return {} end
  local found = redis.call('ZRANGE', order, from, to, 'WITHSCORES')
  if #found == 0 then return {} end
  local kept = {}
  if redis.call('EXISTS', data) == 1 then
    local ids = {}
    for at = 1, #found, 2 do ids[#ids + 1] = idOf(found[at]) end
    kept = redis.call('HMGET', data, unpack(ids))
  end
  local ahead, dense = 0, -1
  if from > 0 then ahead = below(found[2]) end
  if ARGV[1] == '1' then dense = denseBelow(found[2]) end
  return {from, ahead, dense, found, kept}
end
`

/**
 * ARGV: 1 for dense ranks, `best` `last` or `sum`, -1 where high is first else 1, `first` `latest` or `name` among equals, most members (0: all), end (milliseconds since 1970, 0: none),
 * then id, score, 1 for data or 0, data, for each. Answers for each: score, 1 where it has changed.
 */
export const updateScript: Script = script(`${shared}
local dense, mode, sign, ties, most, ends = ARGV[1] == '1', ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
local answers = {}
local now, latest
for at = 7, #ARGV, 4 do
  local id, given = ARGV[at], tonumber(ARGV[at + 1])
  local known = redis.call('HMGET', names, id, '')
  local name, old = known[1], nil
  if name then old = redis.call('ZSCORE', order, name) end
  local before = old and sign * tonumber(old)
  local score = given
  if before and mode == 'sum' then score = before + given end
  if before and mode == 'best' and (sign * given) >= (sign * before) then score = before end
  if before and score == before then
    answers[#answers + 1] = {string.format('%.17g', score), 0}
  else
    if name then
      redis.call('ZREM', order, name)
      if dense then forgetScore(old) end
    end
    local place = '${'0'.repeat(digits)}'
    if ties ~= 'name' then
      if not now then
        local time = redis.call('TIME')
        now, latest = time[1] * 1000000 + time[2], tonumber(known[2] or '0')
      end
      latest = math.max(now, latest + 1)
      place = string.format('%0${digits}.0f', ties == 'latest' and ${'9'.repeat(digits)} - latest or latest)
    end
    name = place .. ':' .. id
    redis.call('ZADD', order, string.format('%.17g', sign * score + 0), name)
    if latest then
      redis.call('HSET', names, id, name, '', string.format('%.0f', latest))
    else
      redis.call('HSET', names, id, name)
    end
    if dense then
      local key = redis.call('ZSCORE', order, name)
      if tonumber(redis.call('HINCRBY', counts, key, 1)) == 1 then redis.call('ZADD', distinct, key, key) end
    end
    answers[#answers + 1] = {string.format('%.17g', score), 1}
  end
  if ARGV[at + 2] == '1' then redis.call('HSET', data, id, ARGV[at + 3]) end
end
if most > 0 then
  for _, name in ipairs(redis.call('ZRANGE', order, most, -1)) do
    local id = idOf(name)
    drop(id, dense)
    redis.call('HDEL', data, id)
  end
end
if ends ~= '0' then
  for at = 1, #KEYS do redis.call('PEXPIREAT', KEYS[at], ends) end
end
return answers`)

/** ARGV: 1 for dense ranks, ids. Answers how many there were. */
export const removeScript: Script = script(`${shared}
local count = 0
for at = 2, #ARGV do
  if drop(ARGV[at], ARGV[1] == '1') then count = count + 1 end
  redis.call('HDEL', data, ARGV[at])
end
if redis.call('EXISTS', order) == 0 then redis.call('DEL', names) end
return count`)

/** ARGV: 1 for dense ranks, first and last place from 0. Answers rows. */
export const pageScript: Script = script(`${shared}${reading}
return rows(tonumber(ARGV[2]), tonumber(ARGV[3]))`)

/** ARGV: 1 for dense ranks, id, how many before and after. */
export const aroundScript: Script = script(`${shared}${reading}
local name = redis.call('HGET', names, ARGV[2])
if not name then return {} end
local place = redis.call('ZRANK', order, name)
return rows(math.max(0, place - tonumber(ARGV[3])), place + tonumber(ARGV[4]))`)

/** ARGV: 1 for dense ranks, lowest and highest score as the order has them, offset, most. */
export const scoresScript: Script = script(`${shared}${reading}
local from = redis.call('ZCOUNT', order, '-inf', '(' .. ARGV[2])
local to = redis.call('ZCOUNT', order, '-inf', ARGV[3]) - 1
from = from + tonumber(ARGV[4])
return rows(from, math.min(to, from + tonumber(ARGV[5]) - 1))`)

/** ARGV: 1 for dense ranks, ids. Answers a row for each, or false. */
export const membersScript: Script = script(`${shared}${reading}
local list = {}
for at = 2, #ARGV do
  local name = redis.call('HGET', names, ARGV[at])
  if name then
    local score = redis.call('ZSCORE', order, name)
    local dense = -1
    if ARGV[1] == '1' then dense = denseBelow(score) end
    list[#list + 1] = {ARGV[at], score, redis.call('ZRANK', order, name), below(score), dense, redis.call('HGET', data, ARGV[at]), name}
  else
    list[#list + 1] = false
  end
end
return list`)

/** ARGV: score and name of a member of another shard, how many before and after. Answers the rows around the place where it would stand. */
export const aroundPlaceScript: Script = script(`${shared}${reading}
redis.call('ZADD', order, ARGV[2], ARGV[3])
local place = redis.call('ZRANK', order, ARGV[3])
redis.call('ZREM', order, ARGV[3])
return rows(math.max(0, place - tonumber(ARGV[4])), place + tonumber(ARGV[5]) - 1)`)

/** ARGV: for each, score and name as another shard has them. Answers how many are ahead by score, and how many by score and name, by a member that is put in and taken out. */
export const aheadScript: Script = script(`${shared}
local list = {}
for at = 1, #ARGV, 2 do
  local probe = ARGV[at + 1]
  redis.call('ZADD', order, ARGV[at], probe)
  local place = redis.call('ZRANK', order, probe)
  redis.call('ZREM', order, probe)
  list[#list + 1] = {redis.call('ZCOUNT', order, '-inf', '(' .. ARGV[at]), place}
end
return list`)

export const clearScript: Script = script(`return redis.call('UNLINK', unpack(KEYS))`)
