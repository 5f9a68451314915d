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

/** KEYS in this order. The last two are for dense ranks alone. */
export const keyNames = ['order', 'names', 'data', 'distinct', 'counts'] as const
export const keysOfRanks = (ranks: 'competition' | 'dense' | 'ordinal'): number => (ranks === 'dense' ? keyNames.length : 3)

const digits = 16
/** Where the id stands in a name, from 0. */
export const nameStart = digits + 1

const keys = `
local order, names, data, distinct, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
`

const changing = `${keys}
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

/**
 * Rows: place of the first one from 0, how many are ahead of it by score (or, for dense ranks, how many scores), how many rows to leave out, then names and scores
 * by turns, and what is kept with each that is not left out, where anything is. Who is ahead is counted only where the one before has the same score.
 */
const reading = `${keys}
local ranks = ARGV[1]
local function rows(from, to)
  if to < from then return {} end
  local isFollowing = from > 0 and ranks == 'competition'
  local found = redis.call('ZRANGE', order, isFollowing and from - 1 or from, to, 'WITHSCORES')
  local ahead, skip = from, isFollowing and 1 or 0
  if #found <= 2 * skip then return {} end
  if isFollowing and found[2] == found[4] then ahead = redis.call('ZCOUNT', order, '-inf', '(' .. found[2]) end
  if ranks == 'dense' then ahead = redis.call('ZCOUNT', distinct, '-inf', '(' .. found[2]) end
  local kept = {}
  if redis.call('EXISTS', data) == 1 then
    local ids = {}
    for at = 1 + 2 * skip, #found, 2 do ids[#ids + 1] = string.sub(found[at], ${nameStart + 1}) end
    kept = redis.call('HMGET', data, unpack(ids))
  end
  return {from, ahead, skip, found, kept}
end
`

/**
 * ARGV: the ranks, `best` `last` or `sum`, -1 where high is first else 1, `first` `latest` or `name` among equals, most members (0: all), end (milliseconds since 1970, 0: none),
 * then id, score, 1 for data or 0, data, for each. Answers for each: score, 1 where it has changed.
 */
export const updateScript: Script = script(`${changing}
local dense, mode, sign, ties, most, ends = ARGV[1] == 'dense', ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
local answers = {}
local started, latest
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
    if old and dense then forgetScore(old) end
    local place = '${'0'.repeat(digits)}'
    if ties ~= 'name' then
      if not started then
        local time = redis.call('TIME')
        started, latest = time[1] * 1000000 + time[2], tonumber(known[2] or '0')
      end
      latest = math.max(started, latest + 1)
      place = string.format('%0${digits}.0f', ties == 'latest' and ${'9'.repeat(digits)} - latest or latest)
    end
    local present = place .. ':' .. id
    if name and name ~= present then redis.call('ZREM', order, name) end
    name = present
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
    local id = string.sub(name, ${nameStart + 1})
    drop(id, dense)
    redis.call('HDEL', data, id)
  end
end
if ends ~= '0' then
  for at = 1, #KEYS do redis.call('PEXPIREAT', KEYS[at], ends) end
end
return answers`)

/** ARGV: the ranks, ids. Answers how many there were. */
export const removeScript: Script = script(`${changing}
local count = 0
for at = 2, #ARGV do
  if drop(ARGV[at], ARGV[1] == 'dense') then count = count + 1 end
  redis.call('HDEL', data, ARGV[at])
end
if redis.call('EXISTS', order) == 0 then redis.call('DEL', names) end
return count`)

/** ARGV: the ranks, first and last place from 0. Answers rows. */
export const pageScript: Script = script(`${reading}
return rows(tonumber(ARGV[2]), tonumber(ARGV[3]))`)

/** ARGV: the ranks, id, how many before and after. */
export const aroundScript: Script = script(`${reading}
local name = redis.call('HGET', names, ARGV[2])
if not name then return {} end
local place = redis.call('ZRANK', order, name)
return rows(math.max(0, place - tonumber(ARGV[3])), place + tonumber(ARGV[4]))`)

/** ARGV: the ranks, lowest and highest score as the order has them, offset, most. */
export const scoresScript: Script = script(`${reading}
local from = redis.call('ZCOUNT', order, '-inf', '(' .. ARGV[2])
local to = redis.call('ZCOUNT', order, '-inf', ARGV[3]) - 1
from = from + tonumber(ARGV[4])
return rows(from, math.min(to, from + tonumber(ARGV[5]) - 1))`)

/**
 * ARGV: the ranks, ids. Answers for each: id, score, place (for ordinal ranks), how many are ahead (by score; for dense ranks, how many scores), data, name; or false.
 */
export const membersScript: Script = script(`${keys}
local list = {}
for at = 2, #ARGV do
  local id = ARGV[at]
  local name = redis.call('HGET', names, id)
  if name then
    local score = redis.call('ZSCORE', order, name)
    local place, ahead = 0, 0
    if ARGV[1] == 'ordinal' then
      place = redis.call('ZRANK', order, name)
    else
      ahead = redis.call('ZCOUNT', ARGV[1] == 'dense' and distinct or order, '-inf', '(' .. score)
    end
    list[#list + 1] = {id, score, place, ahead, redis.call('HGET', data, id), name}
  else
    list[#list + 1] = false
  end
end
return list`)

/** ARGV: the ranks, score and name of a member of another shard, how many before and after. Answers the rows around the place where it would stand. */
export const aroundPlaceScript: Script = script(`${reading}
redis.call('ZADD', order, ARGV[2], ARGV[3])
local place = redis.call('ZRANK', order, ARGV[3])
redis.call('ZREM', order, ARGV[3])
return rows(math.max(0, place - tonumber(ARGV[4])), place + tonumber(ARGV[5]) - 1)`)

/** ARGV: for each, score and name as another shard has them. Answers how many are ahead by score, and how many by score and name, by a member that is put in and taken out. */
export const aheadScript: Script = script(`${keys}
local list = {}
for at = 1, #ARGV, 2 do
  local probe = ARGV[at + 1]
  redis.call('ZADD', order, ARGV[at], probe)
  local place = redis.call('ZRANK', order, probe)
  redis.call('ZREM', order, probe)
  list[#list + 1] = {redis.call('ZCOUNT', order, '-inf', '(' .. ARGV[at]), place}
end
return list`)

/** ARGV: id. Answers how many members there are, how many are ahead by score, its score and name; or false. */
export const standingScript: Script = script(`${keys}
local name = redis.call('HGET', names, ARGV[1])
if not name then return false end
local score = redis.call('ZSCORE', order, name)
return {redis.call('ZCARD', order), redis.call('ZCOUNT', order, '-inf', '(' .. score), score, name}`)

/** ARGV: the part of all members, from 0 to 1, that is ahead of the place that is meant. Answers the score there, or false where nobody is. */
export const scoreAtScript: Script = script(`${keys}
local size = redis.call('ZCARD', order)
if size == 0 then return false end
local place = math.min(size - 1, math.floor(tonumber(ARGV[1]) * size))
return redis.call('ZRANGE', order, place, place, 'WITHSCORES')[2]`)

export const clearScript: Script = script(`return redis.call('UNLINK', unpack(KEYS))`)
