/** Every entrance of the library, with options that it does not have and with what is of another kind: each is told, by an error that says what was expected and what was found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConnect } from '../adapters/connect.ts'
import { connectIoredis } from '../adapters/ioredis.ts'
import type { Connection } from '../connection/connection.ts'
import {
  type Cache,
  type CacheError,
  connectNodeRedis,
  createCache,
  findReplicationGroup,
  iamCredentials,
  isCacheError,
} from '../index.ts'
import { createLeaderboard, submitToAll } from '../leaderboards/index.ts'
import { observeByOpenTelemetry } from '../opentelemetry/index.ts'
import { createExpressStore, createFastifyStore, createSessions, honoSessions } from '../sessions/index.ts'

/** As JavaScript calls it. */
type Loose = (...args: readonly unknown[]) => unknown
const loose = (what: unknown): Loose => what as Loose

const silent: Connection = {
  clustered: false,
  readsReplicas: false,
  tracking: null,
  send: async (commands) => commands.map(() => ({ value: null, epoch: 'e' })),
  close: async () => undefined,
}
const url = 'redis://127.0.0.1:1'
const open = (): Promise<Cache> => createCache({ url, connect: async () => silent })
const load = async (): Promise<number> => 1
const keys = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' })
const secret = 'x'.repeat(40)
const meter = { createCounter: () => ({ add: () => undefined }), createHistogram: () => ({ record: () => undefined }) }

/** Of each entrance that takes options: what calls it with them, options that are right, and for each option what is of another kind. */
interface Entrance {
  readonly call: (options: unknown) => unknown
  readonly right: object
  readonly wrong: Readonly<Record<string, readonly unknown[]>>
}
const times = ['60000', -1, Number.NaN, null, 10n]
const entry = {
  ttl: [...times, 0],
  tags: ['user:7', [7], [''], [10n], {}, new Set(['t']), null],
  staleWhileRevalidate: times,
  staleIfError: times,
  negativeTtl: times,
  earlyRefresh: times,
}
const reading = { ...entry, timeout: times, signal: ['stop', {}, null, new AbortController()] }
const { tags: _, ...withoutTags } = reading
const withTags = { ...withoutTags, tags: [['t'], 't', null] }
const texts = [7, null, 10n, {}, ['a']]
const functions = ['f', 7, null, {}]
const flags = ['true', 1, null]

const entrances = (cache: Cache): Readonly<Record<string, Entrance>> => {
  const inNamespace = cache.namespace('inner')
  const both = (name: string, of: (on: Cache) => Entrance): Readonly<Record<string, Entrance>> => ({
    [name]: of(cache),
    [`${name} of a namespace`]: of(inNamespace),
  })
  const queue = cache.writeBehind({ write: async () => undefined, onLost: () => undefined })
  const board = createLeaderboard(silent, { name: 'b' })
  const sessions = createSessions(silent)
  const sessionOptions = {
    namespace: [...texts, '{'],
    ttl: [...times, 0],
    touchAfter: ['0.1', 1, -1, null],
    tombstone: [...times, 0],
    conflict: ['merged', 7, null],
    keys: ['k', {}, null, ['k'], [{ id: 'a' }], [{ id: 'a', key: 'x'.repeat(32) }], [{ id: 'a', kee: Buffer.alloc(32) }]],
    buckets: ['64', 0, 1.5, null],
  }
  const connectionOptions = {
    url: [...texts, undefined, 'localhost'],
    credentials: functions,
    tls: ['ca', true, null, { ca: 7 }, { caa: 'x' }],
    readFrom: ['replica', 7, null, { urls: [] }, { url: 7 }, { url: 'redis://h', zone: 'a' }],
    zone: texts,
    commandTimeout: [...times, 0],
    connectTimeout: [...times, 0],
  }
  return {
    createCache: {
      call: (options) => loose(createCache)(options),
      right: { url, connect: async () => silent, near: undefined },
      wrong: {
        url: [...texts, undefined],
        namespace: [...texts, '', '{a}', '\ud800'],
        defaults: ['60', null, [], { tags: ['t'] }, { tll: 1 }, ...entry.ttl.map((ttl) => ({ ttl }))],
        near: [true, 1_000, null, {}, { maxBytes: '1000' }, { maxBytes: 0 }, { maxBites: 1 }, { maxBytes: 1, ttl: 1 }],
        codec: ['json', {}, null, { encode: load }, { encode: 'x', decode: load }],
        compressAbove: times,
        maxEntryBytes: times,
        observe: functions,
        patience: times,
        waitTime: times,
        breaker: [5, null, { failure: 5 }, { failures: '5' }],
        connect: functions,
        required: flags,
      },
    },
    connectNodeRedis: {
      call: (options) => loose(connectNodeRedis)(options),
      right: { url, connectTimeout: 50 },
      wrong: connectionOptions,
    },
    connectIoredis: {
      call: (options) => loose(connectIoredis)(options),
      right: { url, connectTimeout: 50 },
      wrong: connectionOptions,
    },
    ...both('get', (on) => ({ call: (options) => loose(on.get)('k', load, options), right: { ttl: 1 }, wrong: reading })),
    ...both('getMany', (on) => ({
      call: (options) => loose(on.getMany)(['k'], async () => ({}), options),
      right: { ttl: 1 },
      wrong: withTags,
    })),
    ...both('put', (on) => ({ call: (options) => loose(on.put)('k', 1, load, options), right: { ttl: 1 }, wrong: entry })),
    ...both('wrap', (on) => ({
      call: (options) => (loose(on.wrap)(load, options) as Loose)('a'),
      right: { key: (id: string) => `k:${id}` },
      wrong: { ...withTags, key: [...functions, undefined, () => 10n] },
    })),
    ...both('explain', (on) => ({
      call: (options) => loose(on.explain)('k', options),
      right: { tags: ['t'] },
      wrong: { tags: entry.tags },
    })),
    ...both('writeBehind', (on) => ({
      call: (options) => loose(on.writeBehind)(options),
      right: { write: load, onLost: load },
      wrong: {
        write: [...functions, undefined],
        onLost: [...functions, undefined],
        most: [...times, 0],
        atOnce: [...times, 0],
        linger: times,
        retries: times,
      },
    })),
    'put of writeBehind': {
      call: (options) => loose(queue.put)('k', 1, options),
      right: { ttl: 1 },
      wrong: { ttl: entry.ttl, tags: entry.tags },
    },
    close: { call: (options) => loose(cache.close)(options), right: { patience: 1 }, wrong: { patience: times } },
    findReplicationGroup: {
      call: (options) => loose(findReplicationGroup)(options),
      right: { replicationGroupId: 'g', region: 'r', endpoint: 'http://127.0.0.1:1', keys },
      wrong: {
        replicationGroupId: [...texts, undefined, ''],
        region: texts,
        endpoint: [...texts, 'here'],
        keys: functions,
        readFrom: ['replica', 7, null],
        timeout: times,
      },
    },
    iamCredentials: {
      call: (options) => loose(iamCredentials)(options),
      right: { cacheName: 'c', user: 'u', region: 'r', keys },
      wrong: {
        cacheName: [...texts, undefined, '', 'Big'],
        user: [...texts, undefined, ''],
        region: [...texts, undefined, ''],
        keys: [...functions, undefined],
        serverless: flags,
        now: functions,
      },
    },
    observeByOpenTelemetry: {
      call: (options) => loose(observeByOpenTelemetry)(options),
      right: { meter },
      wrong: { meter: ['m', {}, null, undefined], tracer: ['t', {}, null], nameOf: functions },
    },
    createSessions: { call: (options) => loose(createSessions)(silent, options), right: { ttl: 1 }, wrong: sessionOptions },
    createExpressStore: {
      call: (options) => loose(createExpressStore)({ Store: class {} }, silent, options),
      right: { ttl: 1 },
      wrong: sessionOptions,
    },
    createFastifyStore: {
      call: (options) => loose(createFastifyStore)(silent, options),
      right: { ttl: 1 },
      wrong: sessionOptions,
    },
    honoSessions: {
      call: (options) => loose(honoSessions)(silent, options),
      right: { secrets: [secret] },
      wrong: {
        ...sessionOptions,
        secrets: [secret, [], ['short'], [7], null, undefined],
        cookie: [...texts, 'a b'],
        secure: flags,
        sameSite: ['lax', 7, null],
        path: [...texts, 'a'],
      },
    },
    'set of sessions': {
      call: (options) => loose(sessions.set)('s', {}, null, options),
      right: { ttl: 1 },
      wrong: { ttl: [...times, 0], ignored: ['cookie', {}, null] },
    },
    createLeaderboard: {
      call: (options) => loose(createLeaderboard)(silent, options),
      right: { name: 'b' },
      wrong: {
        name: [...texts, undefined, '', '{'],
        order: ['asc', 7, null],
        update: ['max', 7, null],
        ranks: ['dens', 7, null],
        ties: ['last', 7, null],
        most: times,
        period: ['hourly', 7, null],
        keep: times,
        offset: ['60', 1.5, null],
        shards: [...times, 0],
        namespace: [...texts, ''],
        now: functions,
      },
    },
    byScore: {
      call: (options) => loose(board.byScore)(1, 2, options),
      right: { offset: 0 },
      wrong: { offset: times, count: times },
    },
  }
}

/** Whether it throws or rejects. */
const failure = async (work: () => unknown): Promise<unknown> => {
  try {
    const made = await work()
    const { close } = (made ?? {}) as { readonly close?: () => unknown }
    await close?.()
    return undefined
  } catch (error) {
    return error
  }
}
const assertUsage = (error: unknown, what: string): CacheError => {
  assert.ok(isCacheError(error, 'usage'), `${what}: expected a usage error, found ${String(error)}`)
  assert.match(error.message, /^expected .+, found ./, what)
  return error
}
const said = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)) ?? String(value)

const cache = await open()
for (const [name, { call, right, wrong }] of Object.entries(entrances(cache))) {
  test(`${name} takes the options that it has, and tells of those that it has not`, async () => {
    if (name !== 'close') assert.ok(!isCacheError(await failure(() => call(right)), 'usage'), name)
    for (const other of ['tag', 'timeZone', 'constructor', '__proto_', '']) {
      const error = assertUsage(await failure(() => call({ ...right, [other]: ['x'] })), `${name} ${other}`)
      assert.match(error.message, new RegExp(`found \`${other}\``))
    }
    for (const options of [null, 'options', 7, true, ['a']])
      assertUsage(await failure(() => call(options)), `${name}(${said(options)})`)
  })
  test(`${name} tells of options of another kind`, async () => {
    for (const [option, values] of Object.entries(wrong))
      for (const value of values) {
        const what = `${name} ${option}: ${said(value)}`
        const error = assertUsage(await failure(() => call({ ...right, [option]: value })), what)
        assert.ok(!error.message.includes(secret), what)
      }
  })
}

test('an option that is nearly one is named', async () => {
  for (const [given, meant] of [
    ['tag', 'tags'],
    ['Tags', 'tags'],
    ['tll', 'ttl'],
    ['staleWhileRevalidat', 'staleWhileRevalidate'],
  ] as const) {
    const error = await failure(() => loose(cache.get)('k', load, { [given]: 1 }))
    assert.match(String(error), new RegExp(`found \`${given}\`; did you mean \`${meant}\`\\?$`))
  }
  assert.match(String(await failure(() => loose(createCache)({ url, defalts: {} }))), /did you mean `defaults`\?$/)
  assert.match(String(await failure(() => loose(cache.get)('k', load, { retries: 1 }))), /\(.*ttl.*\), found `retries`$/)
})

test('a message says of which kind it was', async () => {
  for (const [ttl, found] of [
    ['60000', "'60000' (a string)"],
    [60_000n, '60000n (a bigint)'],
    [true, 'true (a boolean)'],
    [null, 'null'],
    [[1], 'a list'],
    [new Map(), 'a Map'],
    [Promise.resolve(1), 'a promise, which is to be awaited'],
    [Number.NaN, 'NaN'],
    [load, 'a function'],
    [Symbol('s'), 'a symbol'],
  ] as const)
    assert.ok(String(await failure(() => loose(cache.get)('k', load, { ttl }))).endsWith(`found ${found}`), found)
})

const board = createLeaderboard(silent, { name: 'b' })
const sessions = createSessions(silent)
const inner = cache.namespace('inner')
const notKeys = [10n, 7, null, undefined, '', '\ud800', {}, ['k'], Symbol('k')]
const notLists = ['t', undefined, null, {}, 7, new Set(['t'])]
const notConnections = [undefined, null, url, Promise.resolve(silent), cache, {}]
const calls: Readonly<Record<string, readonly [(value: unknown) => unknown, readonly unknown[]]>> = {
  ...Object.fromEntries(
    [cache, inner].flatMap((on, index) =>
      Object.entries({
        'a key of get': [(key: unknown) => loose(on.get)(key, load), notKeys],
        'load of get': [(given: unknown) => loose(on.get)('k', given), functions],
        'keys of getMany': [(given: unknown) => loose(on.getMany)(given, load), notLists],
        'a key of getMany': [(key: unknown) => loose(on.getMany)([key], load), notKeys],
        'load of getMany': [(given: unknown) => loose(on.getMany)(['k'], given), functions],
        'what load of getMany gives': [
          (given: unknown) => loose(on.getMany)(['k'], async () => given),
          [[1], ['k'], null, undefined, 7, 'k', new Set(['k']), load],
        ],
        'tags of a key of getMany': [(tags: unknown) => loose(on.getMany)(['k'], load, { tags: () => tags }), entry.tags],
        'a key of put': [(key: unknown) => loose(on.put)(key, 1, load), notKeys],
        'write of put': [(given: unknown) => loose(on.put)('k', 1, given), functions],
        invalidate: [(tags: unknown) => loose(on.invalidate)(tags), [...notLists, [7], [''], [10n], ['a\nb']]],
        'a key of delete': [(key: unknown) => loose(on.delete)(key), notKeys],
        'what is wrapped': [(given: unknown) => loose(on.wrap)(given, { key: String }), functions],
        'a key of explain': [(key: unknown) => loose(on.explain)(key), notKeys],
        namespace: [(name: unknown) => loose(on.namespace)(name), [...notKeys, 'a::b', 'a:']],
      }).map(([name, call]) => [`${name}${index === 0 ? '' : ', of a namespace'}`, call]),
    ),
  ),
  'an id of a session': [(id: unknown) => loose(sessions.get)(id), [7, 10n, null, undefined, '']],
  'data of a session': [(data: unknown) => loose(sessions.set)('s', data, null), ['x', 7, null, undefined, ['a']]],
  'a time of touch': [(ttl: unknown) => loose(sessions.touch)('s', ttl), [...times, 0]],
  'a connection of sessions': [(given: unknown) => loose(createSessions)(given), notConnections],
  'a connection of an Express store': [(given: unknown) => loose(createExpressStore)({ Store: class {} }, given), notConnections],
  'what an Express store is made of': [(given: unknown) => loose(createExpressStore)(given, silent), [undefined, null, {}, load]],
  'a connection of a leaderboard': [(given: unknown) => loose(createLeaderboard)(given, { name: 'b' }), notConnections],
  'a member of a leaderboard': [(id: unknown) => loose(board.submit)(id, 1), [7, 10n, null, undefined, '']],
  'a score of a leaderboard': [(score: unknown) => loose(board.submit)('a', score), ['1', null, undefined, Number.NaN, 10n]],
  'members to submit': [(given: unknown) => loose(board.submitMany)(given), [...notLists, ['a'], [null]]],
  'members to get': [(given: unknown) => loose(board.getMany)(given), notLists],
  'a page': [(number: unknown) => loose(board.page)(number, 10), ['1', 0, null, undefined]],
  'a percentile': [(given: unknown) => loose(board.scoreAt)(given), ['50', -1, 101, null, undefined]],
  'a board to merge': [(given: unknown) => loose(board.merge)(given), ['b', {}, null, undefined]],
  'boards to submit to': [(given: unknown) => loose(submitToAll)(given, []), notLists],
  'a moment': [(given: unknown) => loose(board.at)(given), ['now', null, undefined, Number.NaN, 10n]],
}
for (const [name, [call, wrong]] of Object.entries(calls))
  test(`what is of another kind is told: ${name}`, async () => {
    for (const value of wrong) assertUsage(await failure(() => call(value)), `${name}: ${said(value)}`)
  })

for (const [where, on] of Object.entries({ 'the root': cache, 'a namespace': inner }))
  test(`what takes one thing tells of what stands behind it: ${where}`, async () => {
    const calls = [
      [
        () => loose(on.namespace)('orders', { defaults: { ttl: 1 } }),
        'expected namespace to be given a name alone, found an object behind it',
      ],
      [() => loose(on.invalidate)(['a'], ['b']), 'expected invalidate to be given a list of tags alone, found a list behind it'],
    ] as const
    for (const [call, message] of calls) await assert.rejects(async () => call(), { code: 'usage', message })
  })

test('no adapter opens anything before it has checked', async () => {
  const connect = createConnect({
    tracks: false,
    open: () => {
      throw new Error('it was opened')
    },
  })
  assertUsage(await failure(() => loose(connect)({ url, comandTimeout: 1 })), 'a misspelt option')
})
