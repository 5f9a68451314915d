/**
 * What runs on the server. A board, or one shard of it, has these keys, all in one slot.
 *
 * | key | type | what |
 * |---|---|---|
 * | `…:order` | sorted set | where equals stand by time: names in the order of the ranks, by score (negative where high is first); a name is 7 bytes of time and the id |
 * | `…:members` | hash | from id to those 7 bytes and the score; from the empty id, which no member has, those of the latest name, `d` once anything was kept with a member (else `-`), and the end |
 * | `…:ids` | sorted set | instead of both where they stand by name: the ids |
 * | `…:data` | hash | from id to what the application keeps of a member, as JSON |
 * | `…:distinct` | sorted set | each score once, for dense ranks |
 * | `…:counts` | hash | how many members have that score, for dense ranks |
 *
 * Where the server evicts one of them (`data` aside) no wrong answer is made of the others: who reads finds nobody, or what they say alone, and who writes begins a new board.
 *
 * Equal scores stand in the order of their names, so who is ahead among equals is not packed into the score, which keeps its 53 bits.
 */
import { type Script, script } from '../connection/connection.ts'

export interface ScriptRules {
  readonly update: 'best' | 'last' | 'sum'
  readonly ranks: 'competition' | 'dense' | 'ordinal'
  readonly ties: 'first' | 'latest' | 'name'
}

/** Of a name, before the id, where equals stand by time. */
export const timeBytes = 7
/** Lua puts no more than some thousand values on its stack. */
const atOnce = 1_000

/** KEYS in this order. */
export const keyNames = ({ ranks, ties }: ScriptRules): readonly string[] => [
  ...(ties === 'name' ? ['ids', 'data'] : ['order', 'members', 'data']),
  ...(ranks === 'dense' ? ['distinct', 'counts'] : []),
]

const writing = `
local function each(command, key, list)
  for at = 1, #list, ${atOnce} do redis.call(command, key, unpack(list, at, math.min(at + ${atOnce - 1}, #list))) end
end
`
const looking = `
local function look(key, list)
  if #list <= ${atOnce} then return redis.call('HMGET', key, unpack(list)) end
  local found = {}
  for at = 1, #list, ${atOnce} do
    local some = redis.call('HMGET', key, unpack(list, at, math.min(at + ${atOnce - 1}, #list)))
    for index = 1, math.min(${atOnce}, #list - at + 1) do found[at + index - 1] = some[index] end
  end
  return found
end
`
/** Engines write the same number in more than one way, and a group may change its engine: all write it as here. */
const forgetting = `
local function write(number) return string.format('%.17g', number) end
local function forget(number)
  local score = write(number)
  if redis.call('HINCRBY', counts, score, -1) <= 0 then
    redis.call('HDEL', counts, score)
    redis.call('ZREM', distinct, score)
  end
end
`

const textsOf = ({ update, ranks, ties }: ScriptRules) => {
  const [byTime, dense] = [ties !== 'name', ranks === 'dense']
  const names = keyNames({ update, ranks, ties })
  const keys = `local ${['order', ...names.slice(1)].join(', ')} = ${names.map((_, at) => `KEYS[${at + 1}]`).join(', ')}\n`
  const idOfName = byTime ? `string.sub(name, ${timeBytes + 1})` : 'name'
  const forget = dense ? forgetting : ''
  /** Keys of which all are there or none, with members. */
  const essential = dense ? 'order, distinct, counts' : 'order'
  const isWhole = `redis.call('EXISTS', ${essential}) == ${dense ? 3 : 1}`

  /**
   * Place of the first one from 0, how many are ahead of it by score (or, for dense ranks, how many scores), how many rows to leave out, then names and scores by turns, and what
   * is kept with each that is not left out, where anything is. Who is ahead is counted only where the one before has the same score.
   */
  const reading = `${keys}${looking}
local function rows(from, to, isKept)
  if to < from then return {} end
  local skip = ${ranks === 'competition' ? 'math.min(from, 1)' : '0'}
  local found = redis.call('ZRANGE', order, from - skip, to, 'WITHSCORES')
  if #found <= 2 * skip then return {} end
  local ahead, kept = from, {}
  ${ranks === 'competition' ? "if skip == 1 and found[2] == found[4] then ahead = redis.call('ZCOUNT', order, '-inf', '(' .. found[2]) end" : ''}
  ${
    dense
      ? `if not (${isWhole}) then return {} end
  ahead = redis.call('ZCOUNT', distinct, '-inf', '(' .. found[2])`
      : ''
  }
  if isKept then
    local ids = {}
    for at = 1 + 2 * skip, #found, 2 do
      local name = found[at]
      ids[#ids + 1] = ${idOfName}
    end
    kept = look(data, ids)
  end
  return {from, ahead, skip, found, kept}
end
`

  /** Of somebody who need not be here. By bytes as the engine does, and not as Lua does, which asks the locale of the server. */
  const standing = `
local function isBefore(one, other)
  local length = math.min(#one, #other)
  for at = 1, length do
    local a, b = string.byte(one, at), string.byte(other, at)
    if a ~= b then return a < b end
  end
  return #one < #other
end
local function placeOf(score, name)
  local from = redis.call('ZCOUNT', order, '-inf', '(' .. score)
  local low, high = from, redis.call('ZCOUNT', order, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isBefore(redis.call('ZRANGE', order, middle, middle)[1], name) then low = middle + 1 else high = middle end
  end
  return low, from
end
`

  const unchanged = {
    best: 'before and key >= before',
    last: 'before and key == before',
    sum: 'before and key + before == before',
  }[update]
  /**
   * ARGV: most members (0: all), end (milliseconds since 1970, or empty), then id, score as the order has it, and data or nothing, for each. Answers for each: 1 where it has the
   * score that was given, its score where that is the one from before, and that in an array where it is another one; or the number of the one whose sum is none.
   * Nothing is written before all is known.
   */
  const updating = `${keys}${forget}${writing}${looking}
local most, ends = tonumber(ARGV[1]), ARGV[2]
local answers, placed, kept = {}, {}, {}
${byTime ? `local ids, gone, fresh, now, latest = {''}, {}, {}\nfor at = 3, #ARGV, 3 do ids[#ids + 1] = ARGV[at] end\nlocal known = look(members, ids)\nlocal state = known[1] or ''` : ''}
${dense ? 'local less, more = {}, {}' : ''}
${
  byTime || dense
    ? `local there = redis.call('EXISTS', ${essential})
if there ~= ${byTime ? `(state == '' and 0 or ${dense ? 3 : 1})` : '0 and there ~= 3'} then
  redis.call('UNLINK', unpack(KEYS))
  ${byTime ? "known, state = {}, ''" : ''}
end`
    : 'local isSeen = false'
}
for at = 3, #ARGV, 3 do
  local id, text = ARGV[at], ARGV[at + 1]
  ${
    byTime
      ? `local time = known[at / 3 + 1]
  local old = time and string.sub(time, ${timeBytes + 1})
  time = time and string.sub(time, 1, ${timeBytes})`
      : `local old = redis.call('ZSCORE', order, id)`
  }
  ${
    byTime || dense
      ? ''
      : `if not old and not isSeen then
    isSeen = true
    if redis.call('EXISTS', order) == 0 then redis.call('UNLINK', data) end
  end`
  }
  local before, key = old and tonumber(old), tonumber(text)
  if ${unchanged} then
    answers[#answers + 1] = old
  else
    ${
      update === 'sum'
        ? `if before then
      key = before + key
      if key ~= key or key - key ~= 0 then return at / 3 end
      text = string.format('%.17g', key)
      answers[#answers + 1] = {text}
    else
      answers[#answers + 1] = 1
    end`
        : 'answers[#answers + 1] = 1'
    }
    ${
      byTime
        ? `if not now then
      local clock = redis.call('TIME')
      now = clock[1] * 1000000 + clock[2]
      latest = state ~= '' and struct.unpack('>I${timeBytes}', state) or 0
    end
    latest = math.max(now, latest + 1)
    if old then gone[#gone + 1] = time .. id end
    time = struct.pack('>I${timeBytes}', ${ties === 'latest' ? '9007199254740991 - latest' : 'latest'})
    fresh[#fresh + 1] = id
    fresh[#fresh + 1] = time .. text
    placed[#placed + 1] = text
    placed[#placed + 1] = time .. id`
        : `placed[#placed + 1] = text
    placed[#placed + 1] = id`
    }
    ${dense ? `if before then less[#less + 1] = before end\n    more[#more + 1] = key` : ''}
  end
  if ARGV[at + 2] ~= '' then
    kept[#kept + 1] = id
    kept[#kept + 1] = ARGV[at + 2]
  end
end
${byTime ? "each('ZREM', order, gone)" : ''}
each('ZADD', order, placed)
each('HSET', data, kept)
${
  byTime
    ? `local stated = (now and struct.pack('>I${timeBytes}', latest) or string.sub(state, 1, ${timeBytes})) ..
  ((#kept > 0 or string.sub(state, ${timeBytes + 1}, ${timeBytes + 1}) == 'd') and 'd' or '-') .. ends
if stated ~= state then
  fresh[#fresh + 1] = ''
  fresh[#fresh + 1] = stated
end
each('HSET', members, fresh)`
    : ''
}
${
  dense
    ? `for _, number in ipairs(less) do forget(number) end
for _, number in ipairs(more) do
  local score = write(number)
  if redis.call('HINCRBY', counts, score, 1) == 1 then redis.call('ZADD', distinct, score, score) end
end`
    : ''
}
if most > 0 then
  local last, dropped, ids = redis.call('ZRANGE', order, most, -1, 'WITHSCORES'), {}, {}
  for at = 1, #last, 2 do
    local name = last[at]
    dropped[#dropped + 1] = name
    ids[#ids + 1] = ${idOfName}
    ${dense ? 'forget(tonumber(last[at + 1]))' : ''}
  end
  each('ZREM', order, dropped)
  ${byTime ? "each('HDEL', members, ids)" : ''}
  each('HDEL', data, ids)
end
if ends ~= '' then
  ${
    byTime
      ? `if string.sub(state, ${timeBytes + 2}) ~= ends then
    for at = 1, #KEYS do redis.call('PEXPIREAT', KEYS[at], ends) end
  elseif #kept > 0 then
    redis.call('PEXPIREAT', data, ends)
  end`
      : `for at = 1, #KEYS do redis.call('PEXPIREAT', KEYS[at], ends) end`
  }
end
return answers`

  /** ARGV: ids. Answers how many there were. */
  const removing = `${keys}${forget}
local count = 0
for at = 1, #ARGV do
  local id = ARGV[at]
  ${byTime ? `local held = redis.call('HGET', members, id)\n  local name = held and string.sub(held, 1, ${timeBytes}) .. id` : 'local name = id'}
  ${dense ? `local score = name and redis.call('ZSCORE', order, name)\n  if score then forget(tonumber(score)) end` : ''}
  if ${byTime ? 'name and ' : ''}redis.call('ZREM', order, name) == 1 then
    count = count + 1
    ${byTime ? "redis.call('HDEL', members, id)" : ''}
    redis.call('HDEL', data, id)
  end
end
${byTime ? "if count > 0 and redis.call('EXISTS', order) == 0 then redis.call('DEL', members) end" : ''}
return count`

  const aheadOf = dense
    ? "redis.call('ZCOUNT', distinct, '-inf', '(' .. score)"
    : "redis.call('ZCOUNT', order, '-inf', '(' .. score)"
  /** ARGV: ids. Answers for each: score, how many are ahead (ordinal ranks: its place; dense ones: how many scores), data, and the time before its id; or false. */
  const finding = `${keys}
local list = {}
${ranks === 'ordinal' ? 'local isBoth = (redis.REDIS_VERSION_NUM or 0) >= 0x70200 -- ZRANK gives the score too\n' : ''}
for at = 1, #ARGV do
  local id = ARGV[at]
  list[at] = false
  ${byTime ? `local known = redis.call('HMGET', members, id, '')${ranks === 'ordinal' ? `\n  local name = known[1] and string.sub(known[1], 1, ${timeBytes}) .. id` : ''}` : 'local name = id'}
  local score, ahead
  ${
    ranks === 'ordinal'
      ? `if ${byTime ? 'not name then score = false\n  elseif ' : ''}isBoth then
    local both = redis.call('ZRANK', order, name, 'WITHSCORE')
    if both then ahead, score = both[1], both[2] end
  else
    score = redis.call('ZSCORE', order, name)
    ahead = score and redis.call('ZRANK', order, name)
  end`
      : `score = ${byTime ? `known[1] and string.sub(known[1], ${timeBytes + 1})` : "redis.call('ZSCORE', order, name)"}
  ahead = score and ${aheadOf}`
  }
  ${ranks === 'ordinal' ? 'if ahead then' : `if score and (${dense ? '' : 'ahead > 0 or '}${isWhole}) then`}
    list[at] = {score, ahead, ${byTime ? `string.sub(known[2], ${timeBytes + 1}, ${timeBytes + 1}) == 'd' and ` : ''}redis.call('HGET', data, id), ${byTime ? `string.sub(known[1], 1, ${timeBytes})` : "''"}}
  end
end
return list`

  return {
    update: updating,
    remove: removing,
    find: finding,
    /** ARGV: first and last place from 0. Answers rows. */
    page: `${reading}
return rows(tonumber(ARGV[1]), tonumber(ARGV[2]), redis.call('EXISTS', data) == 1)`,
    /** ARGV: id, how many before and after. Answers rows. */
    around: `${reading}
${
  byTime
    ? `local known = redis.call('HMGET', members, ARGV[1], '')
if not known[1] then return {} end
local place = redis.call('ZRANK', order, string.sub(known[1], 1, ${timeBytes}) .. ARGV[1])
if not place then return {} end
local isKept = string.sub(known[2], ${timeBytes + 1}, ${timeBytes + 1}) == 'd'`
    : `local place = redis.call('ZRANK', order, ARGV[1])
if not place then return {} end
local isKept = redis.call('EXISTS', data) == 1`
}
return rows(math.max(0, place - ARGV[2]), place + ARGV[3], isKept)`,
    /** ARGV: lowest and highest score as the order has them, offset, most. Answers rows. */
    scores: `${reading}
local from = redis.call('ZCOUNT', order, '-inf', '(' .. ARGV[1]) + ARGV[3]
local to = redis.call('ZCOUNT', order, '-inf', ARGV[2]) - 1
return rows(from, math.min(to, from + ARGV[4] - 1), redis.call('EXISTS', data) == 1)`,
    /** ARGV: id. Answers how many members there are, how many are ahead by score, and its score; or false. */
    standing: `${keys}
${byTime ? `local held = redis.call('HGET', members, ARGV[1])\nlocal score = held and string.sub(held, ${timeBytes + 1})` : `local score = redis.call('ZSCORE', order, ARGV[1])`}
local size = redis.call('ZCARD', order)
if not score or size == 0 then return false end
return {size, redis.call('ZCOUNT', order, '-inf', '(' .. score), score}`,
    /** ARGV: a percentile. Answers the score of the last one in the order who is in it, or false where nobody is there. The same sums as those that make a percentile, so that they agree. */
    scoreAt: `${keys}
local size, percentile = redis.call('ZCARD', order), tonumber(ARGV[1])
if size == 0 then return false end
local place = math.min(size - 1, math.floor((100 - percentile) / 100 * size))
while place + 1 < size and 100 * (size - place - 1) / size >= percentile do place = place + 1 end
while place > 0 and 100 * (size - place) / size < percentile do place = place - 1 end
return redis.call('ZRANGE', order, place, place, 'WITHSCORES')[2]`,
    /** ARGV: places. Answers score and name of each, or two empty texts. */
    pick: `${keys}
local list = {}
for at = 1, #ARGV do
  local found = redis.call('ZRANGE', order, ARGV[at], ARGV[at], 'WITHSCORES')
  list[2 * at - 1], list[2 * at] = found[2] or '', found[1] or ''
end
return list`,
    /** ARGV: score and name of each, as another shard has them. Answers how many are ahead by score, and how many by score and name. */
    places: `${keys}${standing}
local list = {}
for at = 1, #ARGV, 2 do
  local place, ahead = placeOf(ARGV[at], ARGV[at + 1])
  list[at], list[at + 1] = ahead, place
end
return list`,
    /** ARGV: score and name of a member of another shard, how many before and after. Answers the rows around the place where it would stand. */
    aroundPlace: `${reading}${standing}
local place = placeOf(ARGV[1], ARGV[2])
return rows(math.max(0, place - ARGV[3]), place + ARGV[4] - 1, redis.call('EXISTS', data) == 1)`,
  } as const
}

type Name = keyof ReturnType<typeof textsOf>
export type Scripts = Readonly<Record<Name, Script>>

const known = new Map<string, Scripts>()

/** They know the rules, so that nothing is decided there that is known before. */
export const scriptsOf = ({ update, ranks, ties }: ScriptRules): Scripts => {
  const name = `${update} ${ranks} ${ties}`
  const found = known.get(name)
  if (found !== undefined) return found
  const texts = textsOf({ update, ranks, ties })
  const scripts = Object.fromEntries(Object.entries(texts).map(([what, text]) => [what, script(text)])) as unknown as Scripts
  known.set(name, scripts)
  return scripts
}
