/** The sequences of clients that find nodes by themselves, byte for byte as their sources send and read them (docs/decisions/0023). */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ModifyCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { available, create, placesOf } from './support/memcached.ts'
import { startTestService, until } from './support/service.ts'
import type { Place } from './support/tls.ts'

/** One connection: `say` sends, and gives what comes up to and with the text that this client waits for. */
const openTo = async ({ host, port }: Place) => {
  const socket = connect(port, host)
  let pending = ''
  let wake = (): void => undefined
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1')
    wake()
  })
  const closed = new Promise<never>((_, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`the connection ended after ${JSON.stringify(pending)}`)))
  })
  closed.catch(() => undefined) // told to whoever waits
  const readTo = async (end: string): Promise<string> => {
    while (!pending.includes(end)) await Promise.race([closed, new Promise<void>((resolve) => (wake = resolve))])
    const length = pending.indexOf(end) + end.length
    const text = pending.slice(0, length)
    pending = pending.slice(length)
    return text
  }
  return {
    say: (text: string, end: string): Promise<string> => {
      socket.write(text, 'latin1')
      return readTo(end)
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

interface Found {
  readonly version: number
  readonly nodes: readonly string[]
}

const parse = (version: string | undefined, list: string | undefined): Found => {
  const nodes = (list ?? '').trim().split(' ')
  for (const node of nodes) assert.match(node, /^[-.a-zA-Z0-9]+\|\d{1,3}(\.\d{1,3}){3}\|\d+$/)
  return { version: Number(version), nodes: nodes.map((node) => node.split('|').slice(1).join(':')) }
}

/** AWS's Java client: the header by spaces, then exactly as many bytes, a line break, END. */
const sized = (answer: string, header: RegExp): Found => {
  const [head = '', length] = header.exec(answer) ?? []
  assert.ok(head !== '', answer)
  const data = answer.slice(head.length, head.length + Number(length))
  assert.equal(answer.slice(head.length + Number(length)), '\r\nEND\r\n')
  const [version, list] = data.split('\n')
  return parse(version, list)
}

type Client = (place: Place) => Promise<Found>
const clients: Readonly<Record<string, Client>> = {
  'AWS for Java': async (place) => {
    using connection = await openTo(place)
    // Other commands are under way on the same connection.
    const answer = await connection.say('get before\r\nconfig get cluster\r\nget after\r\n', '\r\nEND\r\nEND\r\n')
    assert.ok(answer.startsWith('END\r\nCONFIG '), answer)
    return sized(answer.slice('END\r\n'.length, -'END\r\n'.length), /^CONFIG cluster \d+ (\d+)\r\n/)
  },
  'AWS for Java, of old engines': async (place) => {
    using connection = await openTo(place)
    return sized(
      await connection.say('get AmazonElastiCache:cluster\r\n', '\r\nEND\r\n'),
      /^VALUE AmazonElastiCache:cluster \d+ (\d+)\r\n/,
    )
  },
  'AWS for .NET': async (place) => {
    using connection = await openTo(place)
    const version = /STAT version (\d+)\.(\d+)\.(\d+)\r\n/.exec(await connection.say('stats\r\n', '\r\nEND\r\n'))
    assert.ok(Number(version?.[1]) === 1 && Number(version?.[2]) > 4, 'later than 1.4.14: it asks for the configuration')
    return sized(await connection.say('config get cluster\r\n', '\r\nEND\r\n'), /^CONFIG cluster \d+ (\d+)\r\n/)
  },
  'AWS for PHP (libmemcached)': async (place) => {
    using connection = await openTo(place)
    const answers = [
      sized(await connection.say('config get cluster\r\n', '\r\nEND\r\n'), /^CONFIG cluster \d+ (\d+)\r\n/),
      sized(
        await connection.say('get AmazonElastiCache:cluster \r\n', '\r\nEND\r\n'),
        /^VALUE AmazonElastiCache:cluster \d+ (\d+)\r\n/,
      ),
    ]
    assert.deepEqual(answers[0], answers[1])
    return answers[0] ?? assert.fail()
  },
  pymemcache: async (place) => {
    using connection = await openTo(place)
    const end = '\n\r\nEND\r\n'
    const lines = (await connection.say('config get cluster\r\n', end)).slice(0, -end.length).split(/\r?\n/)
    return parse(lines.at(-2), lines.at(-1))
  },
  'dalli-elasticache': async (place) => {
    using connection = await openTo(place)
    const lines = (await connection.say('config get cluster\r\n', 'END\r\n')).split(/\r?\n/)
    return parse(lines[1], lines[2])
  },
}

test('clients of six kinds find the nodes, at the configuration endpoint and at each node, also after a flush and a change of size', async () => {
  await using service = await startTestService()
  const cluster = await create(service, 'found', 3, { TransitEncryptionEnabled: false })
  const ask = async (expected: number, least: number): Promise<number> => {
    const { configuration, nodes } = placesOf(await available(service, 'found'))
    const found = nodes.map(({ host, port }) => `${host}:${port}`).toSorted()
    assert.equal(found.length, expected)
    let version = 0
    for (const place of [configuration, ...nodes])
      for (const [name, client] of Object.entries(clients)) {
        const told = await client(place)
        assert.deepEqual(told.nodes.toSorted(), found, name)
        assert.ok(told.version > least && (version === 0 || told.version === version), `${name}: ${told.version}`)
        ;({ version } = told)
      }
    return version
  }
  const first = await ask(3, 0)
  for (const place of placesOf(cluster).nodes) {
    using connection = await openTo(place)
    for (const [said, answer] of [
      ['set AmazonElastiCache:cluster 0 0 1\r\nx\r\n', 'STORED\r\n'],
      ['delete AmazonElastiCache:cluster\r\n', 'DELETED\r\n'],
      ['flush_all\r\n', 'OK\r\n'],
    ] as const)
      assert.equal(await connection.say(said, answer), answer)
  }
  assert.equal(await ask(3, 0), first)

  const api = service.client()
  await api.send(
    new ModifyCacheClusterCommand({
      CacheClusterId: 'found',
      NumCacheNodes: 2,
      CacheNodeIdsToRemove: ['0002'],
      ApplyImmediately: true,
    }),
  )
  api.destroy()
  await until('two nodes', async () => placesOf(await available(service, 'found')).nodes.length === 2)
  assert.ok((await ask(2, first)) > first)
})
