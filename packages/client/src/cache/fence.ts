/**
 * The refill fence: what is stored, by whom, and when it counts.
 *
 * - Each tag has a version on the server, a text that is never given twice. Who loads takes the versions before he begins, and stores them with the value. An
 *   entry counts only while all of them are the present ones. To invalidate is to remove the versions: whatever rests on them is void, also what is stored later.
 * - Who loads or writes an entry holds its lock. Only who still holds it stores. A writer takes it from everybody, so what was loaded before he came is not stored.
 * - The epoch of the shard is part of each version: a failover, which may have lost an invalidation, makes everything void that was stored before.
 */
import { type Answer, type Command, type Connection, type Reply, run, script } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { idLength, newId } from '../ids.ts'
import { decodeEntry, digestAt, digestOf, type Entry, encodeEntry, idAt, type ReadEntry } from './entry.ts'
import type { Keys } from './keys.ts'
import { stampOf, type Version } from './stamp.ts'

export interface Place {
  readonly key: string
  /** As `tagsOf` gives them. */
  readonly tags: readonly string[]
}

export interface Reading {
  /** Null: there is none, or it is not ours. */
  readonly entry: ReadEntry | null
  readonly epoch: string
  readonly versions: readonly Version[]
  /** What a value would rest on that is loaded from now on. Null: a version is missing. */
  readonly stamp: string | null
}

export type Claim =
  /** This one loads, and stores by this. */
  | { readonly kind: 'mine'; readonly holder: string }
  | { readonly kind: 'theirs'; readonly holder: string }
  /** Somebody writes: what is loaded now is not stored. */
  | { readonly kind: 'writing' }
  /** Somebody has stored it meanwhile. */
  | { readonly kind: 'stored'; readonly entry: Entry }

/** Everything that was stored rests on something else now, or on nothing. */
export const isValid = ({ entry, stamp }: Reading): boolean => entry !== null && stamp !== null && entry.stamp === stamp

const ensureScript = script(`
local version = redis.call('GET', KEYS[1])
if not version then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return ARGV[1]
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return version`)

const claimScript = script(`
local held = redis.call('GET', KEYS[1])
if held then
  if string.sub(held, 1, 1) == 'w' then return {'writing'} end
  if string.sub(held, 2, ${1 + idLength}) == ARGV[2] then return {'theirs', held} end
end
local head = redis.call('GETRANGE', KEYS[2], 0, ${digestAt.to})
if string.sub(head, ${digestAt.from + 1}, ${digestAt.to + 1}) == ARGV[2] and string.sub(head, ${idAt.from + 1}, ${idAt.to + 1}) ~= ARGV[4] then
  return {'stored', redis.call('GET', KEYS[2])}
end
local mine = 'r' .. ARGV[2] .. ARGV[1]
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return {'mine', mine}`)

const storeScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
return 1`)

const releaseScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

const prolongScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

const beginWriteScript = script(`
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

/** Either it is still what it was before, and becomes the new one, or nobody's value can rest on it. */
const replaceScript = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
redis.call('DEL', KEYS[1])
return 0`)

/** The lock, and what is shown under it. */
const prolongWriteScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** The lock stays. A value that is not to be kept takes away the one before. */
const showScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return 1`)

const finishWriteScript = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  if ARGV[2] ~= '' then
    redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
    return 1
  end
end
redis.call('DEL', KEYS[1], KEYS[2])
return 0`)

const whole = (milliseconds: number): string => String(Math.max(1, Math.ceil(milliseconds)))
/** Its place among the others counts, so it is not to be sent by its hash, which a server may not know. */
const inOrder = (command: Command): Command => ({ ...command, inOrder: true })
/** Versions are kept so many times as long as the entries that rest on them, so that they need not be prolonged each time. */
const versionLife = 4

const bufferOf = (value: Reply | undefined): Buffer | null => {
  if (value === null || value === undefined) return null
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value))
}
const textOf = (value: Reply | undefined): string | null => (value === null || value === undefined ? null : String(value))

export interface Fence {
  read(places: readonly Place[]): Promise<readonly Reading[]>
  /** `use` gives the result, `fail` that of an error. */
  readOne<T>(place: Place, use: (reading: Reading) => T, fail: (error: unknown) => T): Promise<T>
  /** Versions for each of its tags, made where there are none, to last for entries of that life. */
  stampFor(place: Place, life: number): Promise<string>
  /** `seen`: the id of the entry that is to be replaced. `hold`: milliseconds. */
  claim(place: Place, stamp: string, seen: string | null, hold: number): Promise<Claim>
  prolong(key: string, holder: string, hold: number): Promise<boolean>
  release(key: string, holder: string): Promise<void>
  /** False: the lock is somebody else's by now, so the value may be of before a write. */
  store(key: string, holder: string, entry: Entry, life: number): Promise<boolean>
  /** Nothing that was loaded before is stored from here on, nothing is read that was stored before. */
  beginWrite(place: Place, life: number, hold: number): Promise<Write>
  /** Everything with one of these tags is void, and everything that is being loaded. */
  removeTags(tags: readonly string[]): Promise<void>
  removeKeys(keys: readonly string[]): Promise<void>
}

/** The entry that rests on the stamp. Null: it is not to be kept. */
export type MakeEntry = (stamp: string) => { readonly entry: Entry; readonly life: number } | null

export interface Write {
  /**
   * After the source was written: everything with one of the tags is void. `make` gives the entry that rests on the stamp; false: it was not stored, since
   * somebody else has changed something meanwhile.
   */
  finish(make: MakeEntry): Promise<boolean>
  /**
   * Before that: everybody reads the entry as long as the lock is held, `hold` milliseconds unless it is prolonged. False: somebody else has the lock by now, or one of the
   * versions is another one or gone, so that nobody reads it.
   */
  show(make: MakeEntry, hold: number): Promise<boolean>
  prolong(hold: number): Promise<boolean>
}

export const createFence = (connection: Connection, keys: Keys): Fence => {
  const lockAndEntry = (key: string): readonly string[] => [keys.lock(key), keys.entry(key)]

  const reading = ({ tags }: Place, epoch: string, entry: Reply | undefined, versions: readonly Version[]): Reading => {
    const bytes = bufferOf(entry)
    return { entry: bytes === null ? null : decodeEntry(bytes), epoch, versions, stamp: stampOf(epoch, tags, versions) }
  }
  const get = (key: string): Command => ({ key, args: ['GET', key] })
  const versionOf = ({ value, epoch }: Answer): Version => ({ epoch, version: textOf(value) })

  /** In a cluster each key is asked for by itself. */
  const readSpread = async (places: readonly Place[]): Promise<readonly Reading[]> => {
    const answers = await connection.send(
      places.flatMap(({ key, tags }) => [get(keys.entry(key)), ...tags.map((tag) => get(keys.tag(tag)))]),
    )
    let at = 0
    return places.map((place) => {
      const [entry, ...versions] = answers.slice(at, at + 1 + place.tags.length)
      at += 1 + place.tags.length
      return reading(place, entry?.epoch ?? '', entry?.value, versions.map(versionOf))
    })
  }
  const together = ({ key, tags }: Place): Command => {
    const entryKey = keys.entry(key)
    return tags.length === 0 ? get(entryKey) : { key: entryKey, args: ['MGET', entryKey, ...tags.map(keys.tag)] }
  }
  const readingOf = (place: Place, answer: Answer | undefined): Reading => {
    const { value, epoch } = answer ?? { value: null, epoch: '' }
    if (place.tags.length === 0) return reading(place, epoch, value, [])
    const [entry, ...versions] = Array.isArray(value) ? (value as readonly Reply[]) : []
    return reading(
      place,
      epoch,
      entry,
      versions.map((version) => ({ epoch, version: textOf(version) })),
    )
  }
  const readTogether = async (places: readonly Place[]): Promise<readonly Reading[]> => {
    const answers = await connection.send(places.map(together))
    return places.map((place, index) => readingOf(place, answers[index]))
  }
  /**
   * From a replica comes the entry alone: what decides about it, its id and the versions, says the primary. A replica that is behind has another id, or
   * none, so what it gives is as good as not there.
   */
  const readApart = async (places: readonly Place[]): Promise<readonly Reading[]> => {
    const answers = await connection.send(
      places.flatMap(({ key, tags }): readonly Command[] => {
        const entryKey = keys.entry(key)
        const id: Command = { key: entryKey, args: ['GETRANGE', entryKey, String(idAt.from), String(idAt.to)] }
        return [{ ...get(entryKey), fromReplica: true }, id, ...tags.map((tag) => get(keys.tag(tag)))]
      }),
    )
    let at = 0
    return places.map((place) => {
      const [entry, id, ...versions] = answers.slice(at, at + 2 + place.tags.length)
      at += 2 + place.tags.length
      const found = reading(place, id?.epoch ?? '', entry?.value, versions.map(versionOf))
      return found.entry?.id === textOf(id?.value) ? found : { ...found, entry: null }
    })
  }

  // What kind of server it is may be known only later.
  const readMany = (places: readonly Place[]): Promise<readonly Reading[]> => {
    if (connection.readsReplicas) return readApart(places)
    return connection.clustered ? readSpread(places) : readTogether(places)
  }
  const readOne = <T>(place: Place, use: (reading: Reading) => T, fail: (error: unknown) => T): Promise<T> =>
    connection.readsReplicas || connection.clustered
      ? readMany([place]).then(([only]) => use(only ?? readingOf(place, undefined)), fail)
      : connection.send([together(place)]).then(([answer]) => use(readingOf(place, answer)), fail)

  const ensure = (tags: readonly string[], life: number): readonly Command[] =>
    tags.map((tag) => run(ensureScript, [keys.tag(tag)], [newId(), whole(life), whole(life * versionLife)]))

  const stampFrom = (tags: readonly string[], own: Answer | undefined, versions: readonly Answer[]): string => {
    const stamp = own === undefined ? null : stampOf(own.epoch, tags, versions.map(versionOf))
    if (stamp === null) throw new CacheError('unavailable', 'expected a version for each tag, found none')
    return stamp
  }

  const prolong = async (key: string, holder: string, hold: number): Promise<boolean> => {
    const [answer] = await connection.send([run(prolongScript, [keys.lock(key)], [holder, whole(hold)])])
    return answer?.value === 1
  }

  return {
    read: readMany,
    readOne,
    stampFor: async ({ key, tags }, life) => {
      const [own, ...versions] = await connection.send([
        { key: keys.entry(key), args: ['EXISTS', keys.entry(key)] },
        ...ensure(tags, life),
      ])
      return stampFrom(tags, own, versions)
    },
    claim: async ({ key }, stamp, seen, hold) => {
      const [answer] = await connection.send([
        run(claimScript, lockAndEntry(key), [newId(), digestOf(stamp), whole(hold), seen ?? '']),
      ])
      const [kind, what] = Array.isArray(answer?.value) ? (answer.value as readonly Reply[]) : []
      switch (textOf(kind)) {
        case 'mine':
          return { kind: 'mine', holder: textOf(what) ?? '' }
        case 'theirs':
          return { kind: 'theirs', holder: textOf(what) ?? '' }
        case 'stored': {
          const entry = decodeEntry(bufferOf(what) ?? Buffer.alloc(0))
          if (entry !== null && entry.stamp === stamp) return { kind: 'stored', entry }
          return { kind: 'writing' }
        }
        default:
          return { kind: 'writing' }
      }
    },
    prolong,
    release: async (key, holder) => {
      await connection.send([run(releaseScript, [keys.lock(key)], [holder])])
    },
    store: async (key, holder, entry, life) => {
      const [answer] = await connection.send([run(storeScript, lockAndEntry(key), [holder, encodeEntry(entry), whole(life)])])
      return answer?.value === 1
    },
    beginWrite: async ({ key, tags }, life, hold) => {
      const holder = `w${newId()}`
      const begin = run(beginWriteScript, lockAndEntry(key), [holder, whole(hold)])
      const [own, ...before] = await connection.send([begin, ...ensure(tags, life)])
      const epoch = own?.epoch ?? ''
      return {
        prolong: async (time) => {
          const [answer] = await connection.send([run(prolongWriteScript, lockAndEntry(key), [holder, whole(time)])])
          return answer?.value === 1
        },
        show: async (make, time) => {
          const stamp = stampFrom(tags, own, before)
          const made = make(stamp)
          const args = [holder, made === null ? '' : encodeEntry(made.entry), whole(time)]
          const [answer, ...versions] = await connection.send([
            inOrder(run(showScript, lockAndEntry(key), args)),
            ...ensure(tags, life),
          ])
          // What rests on versions that are not the present ones nobody reads.
          return answer?.value === 1 && stampFrom(tags, answer, versions) === stamp
        },
        finish: async (make) => {
          const next = tags.map(newId)
          const replace = tags.map((tag, index) =>
            inOrder(
              run(
                replaceScript,
                [keys.tag(tag)],
                [textOf(before[index]?.value) ?? '', next[index] ?? '', whole(life * versionLife)],
              ),
            ),
          )
          const versions = tags.map((_, index) => ({ epoch: before[index]?.epoch ?? '', version: next[index] ?? null }))
          const stamp = stampOf(epoch, tags, versions)
          const made = stamp === null ? null : make(stamp)
          const args = made === null ? ['', '1'] : [encodeEntry(made.entry), whole(made.life)]
          const answers = await connection.send([
            ...replace,
            inOrder(run(finishWriteScript, lockAndEntry(key), [holder, ...args])),
          ])
          // An epoch that changed meanwhile makes the stamp one that nobody finds.
          return answers.every(({ value }) => value === 1)
        },
      }
    },
    removeTags: async (tags) => {
      const names = tags.map(keys.tag)
      if (names.length === 0) return
      await connection.send(
        connection.clustered
          ? names.map((key): Command => ({ key, args: ['UNLINK', key] }))
          : [{ key: names[0] ?? '', args: ['UNLINK', ...names] }],
      )
    },
    removeKeys: async (names) => {
      await connection.send(names.map((key): Command => ({ key: keys.lock(key), args: ['DEL', ...lockAndEntry(key)] })))
    },
  }
}
