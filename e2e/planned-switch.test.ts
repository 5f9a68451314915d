/** Planned switches seen by clients of the primary endpoint: a pause and a closed connection, never an error, and no lost write. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import {
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
  RebootCacheClusterCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { createRequest } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'

interface Place {
  readonly address: string
  readonly port: number
}

interface Looping {
  /** Errors that a server answered. */
  readonly errors: readonly string[]
  /** Writes that were acknowledged. */
  count(): number
  /** Keys whose value is older than what was acknowledged. */
  lost(read: (key: string) => Promise<string | null>): Promise<readonly string[]>
  end(): Promise<void>
}

const retryMs = 5

/** SET in a loop over a socket of its own, each with a higher number; what was not acknowledged is sent again. */
const rawLoop = ({ address, port }: Place, key: string): Looping => {
  const errors: string[] = []
  let acknowledged = 0
  let going = true
  let socket: Socket | null = null
  const closed = Promise.withResolvers<void>()
  const open = (): void => {
    if (!going) {
      closed.resolve()
      return
    }
    const mine = connect({ host: address, port, noDelay: true })
    socket = mine
    let rest = ''
    const send = (): void => {
      const value = String(acknowledged + 1)
      mine.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`)
    }
    mine.setEncoding('utf8')
    mine.on('connect', send)
    mine.on('data', (text: string) => {
      rest += text
      if (!rest.endsWith('\r\n')) return
      if (rest === '+OK\r\n') acknowledged += 1
      else errors.push(rest.trim())
      rest = ''
      if (going) send()
      else mine.destroy()
    })
    mine.on('error', () => undefined) // it is closed then
    mine.on('close', () => setTimeout(open, retryMs))
  }
  open()
  return {
    errors,
    count: () => acknowledged,
    lost: async (read) => (Number(await read(key)) >= acknowledged ? [] : [key]),
    async end() {
      going = false
      socket?.destroy()
      await closed.promise
    },
  }
}

/** `said`: null where the value was acknowledged, and empty where it was not and nothing was said of it. */
type Turn = (value: string) => Promise<{ readonly said: string | null; readonly pauseMs: number }>

/** 1, 2, 3, …: the next one when the one before was acknowledged. */
const oneAfterTheOther = (key: string, turn: Turn, close: () => void = () => undefined): Looping => {
  const errors: string[] = []
  let acknowledged = 0
  let going = true
  const loop = async (): Promise<void> => {
    while (going) {
      const { said, pauseMs } = await turn(String(acknowledged + 1))
      if (said === null) acknowledged += 1
      else if (said !== '') errors.push(said)
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  const work = loop()
  return {
    errors,
    count: () => acknowledged,
    lost: async (read) => (Number(await read(key)) >= acknowledged ? [] : [key]),
    async end() {
      going = false
      await work
      close()
    },
  }
}

/** A connection for every SET, as scripts make them; one that is refused or closed is tried again. */
const shortLoop = ({ address, port }: Place, key: string): Looping => {
  const once = (value: string): Promise<string> =>
    new Promise((resolve) => {
      let said = ''
      const socket = connect({ host: address, port, noDelay: true })
      socket.setEncoding('utf8')
      socket.on('connect', () => socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`))
      socket.on('data', (text: string) => {
        said += text
        if (said.endsWith('\r\n')) socket.destroy()
      })
      socket.on('error', () => undefined) // it is closed then
      socket.on('close', () => resolve(said.trim()))
    })
  return oneAfterTheOther(key, async (value) => {
    const said = await once(value)
    return { said: said === '+OK' ? null : said, pauseMs: said === '' ? 1 : 0 }
  })
}

/** A client library as it is; its connection's end may fail a write, which is tried again. A refusal by a server is kept. */
const libraryLoop = (key: string, set: (value: string) => Promise<unknown>, close: () => void): Looping =>
  oneAfterTheOther(
    key,
    async (value) => {
      try {
        await set(value)
        return { said: null, pauseMs: 0 }
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error)
        return { said: /^[A-Z]{3,} /.test(said) && !said.startsWith('ECONN') ? said : '', pauseMs: retryMs }
      }
    },
    close,
  )

const ioredisLoop = ({ address, port }: Place, key: string): Looping => {
  const client = new Redis({ host: address, port, maxRetriesPerRequest: null })
  client.on('error', () => undefined) // told by the write
  return libraryLoop(
    key,
    (value) => client.set(key, value),
    () => client.disconnect(),
  )
}

const nodeRedisLoop = async ({ address, port }: Place, key: string): Promise<Looping> => {
  const client = createClient({ socket: { host: address, port } })
  client.on('error', () => undefined) // told by the write
  await client.connect()
  return libraryLoop(
    key,
    (value) => client.set(key, value),
    () => client.destroy(),
  )
}

const id = 'moved'

const isAvailable = async (service: TestService): Promise<boolean> => {
  const client = service.client()
  try {
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    return (
      group?.Status === 'available' && (await service.nodes()).every((node) => node.pid !== null && node.status === 'available')
    )
  } finally {
    client.destroy()
  }
}

const primaryOf = async (service: TestService): Promise<string> =>
  (await service.nodes()).find((node) => node.role === 'primary')?.id ?? ''

test('planned switches answer no error at the primary endpoint, and lose nothing', async (t) => {
  await using service = await startTestService()
  const client = service.client()
  await client.send(createRequest(id, { MultiAZEnabled: true, NumCacheClusters: 3 }))
  await until('the group', () => isAvailable(service), 20_000)
  const { ReplicationGroups: [group] = [] } = await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  const at = group?.NodeGroups?.[0]?.PrimaryEndpoint
  const place = { address: at?.Address ?? '', port: at?.Port ?? 0 }
  const loops: Looping[] = []
  const byCommand = async (): Promise<unknown> => service.larder('failover', id)
  const testFailover = (): Promise<unknown> =>
    client.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }))
  const reboot = async (): Promise<unknown> =>
    client.send(new RebootCacheClusterCommand({ CacheClusterId: await primaryOf(service), CacheNodeIdsToReboot: ['0001'] }))
  const nodeType = (type: string) => (): Promise<unknown> =>
    client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: id, CacheNodeType: type, ApplyImmediately: true }))
  const switches: readonly (readonly [string, () => Promise<unknown>])[] = [
    ...Array.from({ length: 10 }, () => ['TestFailover', testFailover] as const),
    ...Array.from({ length: 8 }, () => ['larder failover', byCommand] as const),
    ['reboot', reboot],
    ['node type', nodeType('cache.r7g.xlarge')],
    ['reboot', reboot],
    ['node type', nodeType('cache.t4g.micro')],
  ]
  try {
    for (let index = 0; index < 20; index += 1) loops.push(rawLoop(place, `raw-${index}`))
    for (let index = 0; index < 5; index += 1) loops.push(shortLoop(place, `short-${index}`))
    for (let index = 0; index < 3; index += 1)
      loops.push(ioredisLoop(place, `ioredis-${index}`), await nodeRedisLoop(place, `node-redis-${index}`))
    for (const [name, ask] of switches) {
      const from = loops.map((loop) => loop.count())
      await until('writes go on', () => loops.every((loop, index) => loop.count() > (from[index] ?? 0) + 10))
      const before = await primaryOf(service)
      await ask()
      await until(`another primary after ${name}`, async () => (await primaryOf(service)) !== before)
      await until(`the group is whole after ${name}`, () => isAvailable(service), 30_000)
      const errors = loops.flatMap((loop) => loop.errors)
      assert.deepEqual(errors, [], `${name} answered errors`)
    }
    await Promise.all(loops.map((loop) => loop.end()))
    const reader = new Redis({ host: place.address, port: place.port })
    try {
      for (const loop of loops) assert.deepEqual(await loop.lost((key) => reader.get(key)), [], 'a lost write')
    } finally {
      reader.disconnect()
    }
    t.diagnostic(`${switches.length} switches, ${loops.reduce((sum, loop) => sum + loop.count(), 0)} writes acknowledged`)
  } finally {
    await Promise.all(loops.map((loop) => loop.end()))
    client.destroy()
  }
})
