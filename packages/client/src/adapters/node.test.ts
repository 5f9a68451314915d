/** What is known of a node whose connection stands, and that does not answer at first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CacheError, isCacheError } from '../errors.ts'
import { until } from '../testing/servers.ts'
import { openNode, watchNode } from './node.ts'
import type { Wire, WireFactory } from './wire.ts'

test('a node that did not answer in time when it was connected is asked again at the next check, and once at a time', async () => {
  let asked = 0
  let answers = false
  const wire: Wire = {
    isReady: () => true,
    send: () => {
      asked += 1
      return answers ? Promise.resolve('role:master\r\nmaster_replid:abc\r\n') : new Promise(() => undefined)
    },
    onReady: () => undefined,
    onLost: () => undefined,
    onInvalidated: () => undefined,
    isReply: (_error): _error is Error => false,
    close: () => undefined,
  }
  const nothing = (): void => undefined
  const node = watchNode(wire, {
    commandTimeout: 30,
    connectTimeout: 2_000,
    credentials: undefined,
    renew: nothing,
    onLost: nothing,
    onInvalidated: nothing,
  })
  await node.check()
  assert.equal(asked, 1, 'it is asked already')
  await assert.rejects(node.ready(1_000), (error: unknown) => isCacheError(error, 'unavailable'))
  assert.equal(node.epoch(), null)
  answers = true
  await node.check()
  await node.ready(1_000)
  assert.notEqual(node.epoch(), null)
  node.dispose()
})

const info = 'role:master\r\nmaster_replid:abc\r\n'
const nothing = (): void => undefined

/** A server that answers as it is told, and can be cut off. */
const fake = (answer: (args: readonly string[]) => Promise<unknown>) => {
  const [ready, lost]: [(() => void)[], ((error: unknown) => void)[]] = [[], []]
  let isReady = false
  const wire: Wire = {
    isReady: () => isReady,
    send: (args) => (isReady ? answer(args.map(String)) : Promise.reject(new Error('not connected'))),
    onReady: (listener) => void ready.push(listener),
    onLost: (listener) => void lost.push(listener),
    onInvalidated: nothing,
    isReply: (error): error is Error => error instanceof TypeError,
    close: nothing,
  }
  let login: () => Promise<unknown> = async () => undefined
  const factory: WireFactory = {
    tracks: false,
    open: ({ credentials }) => {
      login = async () => credentials?.()
      return wire
    },
  }
  return {
    factory,
    connect: async () => {
      await login()
      isReady = true
      for (const listener of ready) listener()
    },
    lose: (error: unknown) => {
      isReady = false
      for (const listener of lost) listener(error)
    },
  }
}
const how = { url: 'redis://h', connectTimeout: 50, commandTimeout: 30, track: false, isReplica: false }
const watching = { commandTimeout: 30, onLost: nothing, onInvalidated: nothing }

test('a connection logs in again in time: with what it was given, also after another epoch, and not after its end', async () => {
  let replid = 'abc'
  const passwords: string[] = []
  let asked = 0
  let fails = false
  const server = fake(async ([command = '', , password = '']) => {
    if (command === 'AUTH') passwords.push(password)
    return `role:master\r\nmaster_replid:${replid}\r\n`
  })
  const credentials = async () => {
    asked += 1
    if (fails) throw new Error('nobody knows')
    return { password: `p${asked}`, renewAfter: 10 }
  }
  const { node } = openNode(server.factory, { ...how, credentials }, { ...watching, renew: nothing })
  await server.connect()
  await node.ready(1_000)
  assert.equal(asked, 1, 'the login’s own credentials say when they end')
  await until('it has logged in again', () => passwords.length >= 2)
  const before = node.epoch()
  replid = 'def'
  await node.check()
  await node.ready(1_000)
  assert.notEqual(node.epoch(), before)
  const then = passwords.length
  await until('it has logged in again', () => passwords.length >= then + 2)
  fails = true
  await until('it was asked', async () => {
    const seen = asked
    await new Promise((resolve) => setTimeout(resolve, 15))
    return asked === seen
  })
  fails = false
  const atLast = passwords.length
  await until('it tries again', () => passwords.length > atLast)
  node.dispose()
  const end = asked
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(asked <= end + 1)
  const last = asked
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(asked, last)
})

test('a node that says nothing is to be connected anew, whether it has been connected or not; one that refuses is not', async () => {
  const reasons: string[] = []
  let answers = true
  const server = fake(() => (answers ? Promise.resolve(info) : new Promise(() => undefined)))
  const { node } = openNode(server.factory, how, { ...watching, renew: (why) => reasons.push(why) })
  await until('it is given up', async () => {
    await node.check()
    return reasons.length === 1
  })
  await server.connect()
  await node.ready(1_000)
  answers = false
  await node.check()
  assert.equal(node.epoch(), null)
  assert.deepEqual(reasons, ['silent', 'silent'])
  for (let turn = 0; turn < 20; turn += 1) {
    server.lose(new Error('refused'))
    await node.check()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.deepEqual(reasons, ['silent', 'silent'], 'it is being connected')
  node.dispose()
})

test('whoever waits for the first connection is told why there is none; later nobody waits', async () => {
  const server = fake(async () => info)
  const { node } = openNode(server.factory, how, { ...watching, renew: nothing })
  server.lose(new Error('a certificate that nobody trusts'))
  await assert.rejects(
    node.ready(20),
    (error: unknown) => isCacheError(error, 'unavailable') && /nobody trusts/.test(error.message),
  )
  const other = fake(async () => info)
  const { node: unusable } = openNode(other.factory, how, { ...watching, renew: nothing })
  other.lose(new CacheError('usage', 'expected credentials to have a password, found none'))
  await assert.rejects(unusable.ready(20), (error: unknown) => isCacheError(error, 'usage'))
  unusable.dispose()
  server.lose(new TypeError('WRONGPASS no'))
  await assert.rejects(node.ready(20), (error: unknown) => isCacheError(error, 'refused') && /WRONGPASS/.test(error.message))
  await server.connect()
  await node.ready(1_000)
  server.lose(new TypeError('WRONGPASS no longer'))
  const began = performance.now()
  await assert.rejects(node.ready(500), (error: unknown) => isCacheError(error, 'unavailable') && /WRONGPASS/.test(error.message))
  assert.ok(performance.now() - began < 100)
  node.dispose()
})

test('another node of a cluster at the same address is not asked', async () => {
  const reasons: string[] = []
  let id = 'theirs'
  const server = fake(async ([command]) => (command === 'CLUSTER' ? id : info))
  const { node } = openNode(server.factory, how, { ...watching, idOf: () => 'ours', renew: (why) => reasons.push(why) })
  await server.connect()
  await assert.rejects(node.ready(1_000), /expected node ours/)
  assert.deepEqual(reasons, ['other'])
  id = 'ours'
  await node.check()
  await node.ready(1_000)
  assert.notEqual(node.epoch(), null)
  node.dispose()
})

test('a script that the server lost is not given to another server', async () => {
  const seen: string[] = []
  const server = fake(async ([command = '']) => {
    seen.push(command)
    if (command !== 'EVALSHA') return info
    server.lose(new Error('cut'))
    await server.connect()
    throw new TypeError('NOSCRIPT')
  })
  const { node } = openNode(server.factory, how, { ...watching, renew: nothing })
  await server.connect()
  await node.ready(1_000)
  const script = { text: 'return 1', hash: 'x' }
  await assert.rejects(node.call({ key: 'k', args: ['0'], script }))
  assert.ok(!seen.includes('EVAL'))
  node.dispose()
})
