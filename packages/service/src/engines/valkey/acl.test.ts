import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import type { EngineControl } from '../../ports/engine.ts'
import { installed, openYard, type RunningNode, type Yard } from '../testing.ts'
import { clientRules, closedCommands, readingAclCommands, userLines } from './acl.ts'
import { readingClusterCommands } from './features.ts'

/** Of the commands that the engines call dangerous or administrative, those that AWS leaves to its customers. */
const openToClients: ReadonlySet<string> = new Set([
  ...['flushall', 'flushdb', 'info', 'keys', 'lastsave', 'monitor', 'restore', 'role', 'sort', 'sort_ro', 'swapdb'],
  ...['kill', 'list', 'no-evict', 'pause', 'unblock', 'unpause'].map((name) => `client|${name}`),
  ...['doctor', 'graph', 'histogram', 'history', 'latest', 'reset'].map((name) => `latency|${name}`),
  ...['get', 'len', 'reset'].flatMap((name) => [`slowlog|${name}`, `commandlog|${name}`]),
  ...readingAclCommands.map((name) => `acl|${name}`),
  ...Object.keys(readingClusterCommands).map((name) => `cluster|${name}`),
])

interface CommandEntry {
  readonly name: string
  readonly arity: number
  readonly categories: readonly string[]
  /** It has subcommands, and does nothing without one. */
  readonly isContainer: boolean
}

const entriesOf = (reply: unknown): readonly CommandEntry[] =>
  (Array.isArray(reply) ? reply : []).flatMap((each: unknown): readonly CommandEntry[] => {
    if (!Array.isArray(each)) return []
    const subcommands = entriesOf(each[9])
    const categories = (each[6] ?? []) as readonly string[]
    return [{ name: String(each[0]), arity: Number(each[1]), categories, isContainer: subcommands.length > 0 }, ...subcommands]
  })

const wordsOf = ({ name, arity }: CommandEntry): readonly string[] => {
  const words = name.split('|')
  return [...words, ...Array<string>(Math.max(0, Math.abs(arity) - words.length)).fill('1')]
}

const isOpen = async (control: EngineControl, entry: CommandEntry): Promise<boolean> =>
  (await control.command(['ACL', 'DRYRUN', 'default', ...wordsOf(entry)])) === 'OK'

describe('the users of a node', () => {
  it('have their passwords in the configuration as hashes only', () => {
    const lines = userLines({ control: 'first', replication: 'second' }, { engine: 'valkey', version: '9.1.2' }, true).join('\n')
    assert.ok(!lines.includes('first') && !lines.includes('second'))
    assert.equal(lines.match(/#[0-9a-f]{64}/g)?.length, 2)
  })

  it('do not name subcommands that an engine does not know', () => {
    assert.ok(!clientRules({ engine: 'redis', version: '7.0.15' }, true).includes('getslotmigrations'))
    assert.ok(clientRules({ engine: 'valkey', version: '9.1.2' }, true).includes('+cluster|getslotmigrations'))
  })
})

for (const engine of installed('valkey', 'redis')) {
  describe(`clients of ${engine.engine} ${engine.version}`, () => {
    let yard: Yard
    let node: RunningNode
    let shard: RunningNode
    before(async () => {
      yard = await openYard()
      node = await yard.start(await yard.plan(engine))
      shard = await yard.start(await yard.plan(engine, { kind: 'cme' }))
    })
    after(() => yard[Symbol.asyncDispose]())

    it('may run no administrative command but those that AWS leaves to them', async () => {
      for (const { control } of [node, shard]) {
        const risky = entriesOf(await control.command(['COMMAND'])).filter(
          ({ name, categories }) =>
            (categories.includes('@admin') || categories.includes('@dangerous')) &&
            !(control === node.control && name.startsWith('cluster|')),
        )
        assert.ok(risky.length > 40)
        const open: string[] = []
        for (const entry of risky) if (await isOpen(control, entry)) open.push(entry.name)
        assert.deepEqual(
          open.filter((name) => !openToClients.has(name)),
          [],
        )
      }
    })

    it('are told NOPERM by what is closed', async () => {
      const client = new Redis({ host: node.plan.address, port: node.plan.port, retryStrategy: () => null })
      try {
        const known = entriesOf(await node.control.command(['COMMAND']))
        const closed = known.filter(
          ({ name, isContainer }) =>
            name === 'acl|setuser' ||
            (!isContainer && closedCommands.some((each) => name === each || name.startsWith(`${each}|`))),
        )
        assert.ok(closed.length >= closedCommands.length)
        for (const entry of closed) {
          const [name = '', ...args] = wordsOf(entry)
          // Two are shut off altogether, for everybody, and say so before the rules are looked at.
          const answer = /^(?:debug|module)\b/.test(name)
            ? /^ReplyError: (?:NOPERM|ERR \w+ command not allowed)/
            : /^ReplyError: NOPERM/
          await assert.rejects(client.call(name, ...args), answer, entry.name)
        }
      } finally {
        client.disconnect()
      }
    })

    it('look at the server, run scripts and use databases without a password', async () => {
      const client = createClient({ url: `redis://${node.plan.address}:${node.plan.port}` })
      client.on('error', () => undefined) // told by the commands
      await client.connect()
      try {
        assert.match(await client.info(), /redis_version/)
        assert.equal(await client.aclWhoAmI(), 'default')
        await client.select(3)
        await client.set('key', 'value')
        assert.equal(await client.eval("return redis.call('GET', KEYS[1])", { keys: ['key'] }), 'value')
        await client.functionLoad("#!lua name=lib\nredis.register_function('answer', function() return 42 end)")
        assert.equal(await client.fCall('answer', { keys: [], arguments: [] }), 42)
        assert.ok((await client.clientList()).length > 0)
        for (const words of [
          'SLOWLOG GET',
          'LATENCY LATEST',
          'MEMORY STATS',
          'COMMAND COUNT',
          'OBJECT ENCODING key',
          'CLIENT INFO',
        ]) {
          await client.sendCommand(words.split(' '))
        }
      } finally {
        client.destroy()
      }
    })

    it('read the state of a sharded group and may not change it', async () => {
      const client = new Redis({ host: shard.plan.address, port: shard.plan.port, retryStrategy: () => null })
      try {
        for (const words of ['INFO', 'NODES', 'SLOTS', 'SHARDS', 'MYID', 'KEYSLOT a', 'COUNTKEYSINSLOT 1', 'LINKS']) {
          await client.call('CLUSTER', ...words.split(' '))
        }
        for (const words of [
          'RESET',
          'MEET 127.0.0.1 6379',
          'FAILOVER',
          'ADDSLOTSRANGE 1 2',
          'FLUSHSLOTS',
          'BUMPEPOCH',
          'SAVECONFIG',
        ]) {
          await assert.rejects(client.call('CLUSTER', ...words.split(' ')), /NOPERM/, words)
        }
      } finally {
        client.disconnect()
      }
    })
  })
}
