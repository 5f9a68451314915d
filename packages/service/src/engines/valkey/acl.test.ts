import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { hasCommand } from '../../model/commands.ts'
import { type ClientUser, openAccess } from '../../model/users.ts'
import type { EngineControl } from '../../ports/engine.ts'
import { installed, openYard, type RunningNode, type Yard } from '../testing.ts'
import { closedCommands, readingAclCommands, userLines, userWords } from './acl.ts'
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

const isOpen = async (control: EngineControl, entry: CommandEntry, user = 'default'): Promise<boolean> =>
  (await control.command(['ACL', 'DRYRUN', user, ...wordsOf(entry)])) === 'OK'

const person: ClientUser = { name: 'someone', authentication: 'no-password-required', passwords: [], accessString: 'on' }

/** Ways to ask for everything, and for what is closed. */
const greedy: readonly string[] = [
  'on ~* &* +@all',
  'on allkeys allchannels allcommands',
  'on ~* +@admin +@dangerous +@slow +@connection',
  'on ~* -@all +config +acl +debug +module +shutdown +replicaof +psync +sync +replconf +migrate +save +bgsave',
  'on ~* +config|get +acl|setuser +acl|list +acl|getuser +script|debug +cluster|reset +cluster|meet +failover',
  'on ~* -@all (~* &* +@all)',
  'on -@all (%R~* +config|get +acl) (~x +@all -get)',
]

describe('the users of a node', () => {
  it('have their passwords in the configuration as hashes only', () => {
    const lines = userLines({ control: 'first', replication: 'second' }, { engine: 'valkey', version: '9.1.2' }, true)
      .map((words) => words.join(' '))
      .join('\n')
    assert.ok(!lines.includes('first') && !lines.includes('second'))
    assert.equal(lines.match(/#[0-9a-f]{64}/g)?.length, 2)
  })

  it('do not name subcommands that an engine does not know', () => {
    const words = (engine: 'redis' | 'valkey', version: string, accessString: string): readonly string[] =>
      userWords({ ...person, accessString }, { engine, version }, true)
    assert.ok(!words('redis', '7.0.15', 'on +@all').includes('-cluster|syncslots'))
    assert.ok(words('valkey', '9.1.2', 'on +@all').includes('-cluster|syncslots'))
    assert.ok(!words('redis', '7.0.15', 'on +hexpire').includes('+hexpire'))
    assert.ok(words('valkey', '9.1.2', 'on +hexpire').includes('+hexpire'))
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

    it('get no more by whatever access string', async () => {
      for (const { control } of [node, shard]) {
        const entries = entriesOf(await control.command(['COMMAND'])).filter(({ isContainer }) => !isContainer)
        const open = async (user: string): Promise<readonly string[]> => {
          const found: string[] = []
          for (const entry of entries) if (await isOpen(control, entry, user)) found.push(entry.name)
          return found
        }
        const everybody = new Set(await open('default'))
        for (const accessString of greedy) {
          await control.setAccess({ users: [...openAccess.users, { ...person, accessString }] })
          const more = (await open(person.name)).filter((name) => !everybody.has(name))
          assert.deepEqual(more, [], accessString)
        }
        await control.setAccess({ users: [...openAccess.users, { ...person, accessString: 'on ~app:* -@all +get +acl|whoami' }] })
        // The engine asks nobody's leave for the first four; the key 1 is not one of app.
        assert.deepEqual((await open(person.name)).toSorted(), ['acl|whoami', 'auth', 'hello', 'quit', 'reset'])
        await control.setAccess(openAccess)
        assert.deepEqual(await control.command(['ACL', 'USERS']), ['default', 'larder', 'larder-replication'])
      }
    })

    it('can be given every command that the engine has, and no other', async () => {
      const names = entriesOf(await node.control.command(['COMMAND'])).map(({ name }) => name)
      assert.deepEqual(
        names.filter((name) => !hasCommand(name, engine.engine, engine.version)),
        [],
      )
      for (const part of [names.slice(0, 200), names.slice(200)]) {
        const accessString = `on ${part.map((name) => `+${name}`).join(' ')} +hexpire +select|0`
        await node.control.setAccess({ users: [...openAccess.users, { ...person, accessString }] })
      }
      await node.control.setAccess(openAccess)
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
