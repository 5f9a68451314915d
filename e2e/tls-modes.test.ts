/** Encryption in transit of running groups: off, preferred, required and back, while clients with and without TLS work. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Cluster } from 'ioredis'
import { available, create, modify, placeOf, primaryOf } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'

const id = 'modes'

interface Worker {
  /** Commands that were answered since it was asked last. */
  done(): number
  readonly failures: string[]
  stop(): Promise<void>
}

/** One connection that is never opened again: whatever happens to it is a failure. */
const lasting = async (socket: object): Promise<Worker> => {
  const failures: string[] = []
  const client = createClient({ socket: { ...socket, reconnectStrategy: false } })
  client.on('error', (error: unknown) => failures.push(String(error)))
  await client.connect()
  let going = true
  let done = 0
  const work = (async () => {
    while (going && failures.length === 0) {
      await client.incr('count').then(
        () => {
          done += 1
        },
        (error: unknown) => failures.push(String(error)),
      )
      await delay(2)
    }
  })()
  return {
    failures,
    done: () => {
      const before = done
      done = 0
      return before
    },
    stop: async () => {
      going = false
      await work
      client.destroy()
    },
  }
}

const reaches = async (socket: object): Promise<boolean> => {
  const client = createClient({ socket: { ...socket, reconnectStrategy: false, connectTimeout: 1_000 } })
  client.on('error', () => undefined) // told by the promise
  try {
    await client.connect()
    return (await client.ping()) === 'PONG'
  } catch {
    return false // not reached is an answer
  } finally {
    client.destroy()
  }
}

const isWorking = async (worker: Worker): Promise<boolean> => {
  worker.done()
  await until('a command is answered, or fails', () => worker.done() > 0 || worker.failures.length > 0)
  return worker.failures.length === 0
}

/** Connections between nodes of this home on their bus, as the kernel knows them: `local remote`. */
const busConnections = async (service: TestService): Promise<ReadonlySet<string>> => {
  const addresses = new Set(
    (await service.nodes()).map(({ address }) => Buffer.from(address.split('.').map(Number).reverse()).toString('hex')),
  )
  const port = (6_379 + 10_000).toString(16)
  const lines = readFileSync('/proc/net/tcp', 'utf8').toLowerCase().trim().split('\n').slice(1)
  return new Set(
    lines.flatMap((line) => {
      const [, local = '', remote = '', state] = line.trim().split(/\s+/)
      const [address = '', at = ''] = remote.split(':')
      return state === '01' && addresses.has(address) && at === port ? [`${local} ${remote}`] : []
    }),
  )
}

for (const version of ['9.1', '7.0'])
  test(`engine ${version}: a running group is moved to TLS and back, and no connection ends that was right`, async () => {
    await using service = await startTestService()
    const group = await create(service, id, { NumCacheClusters: 2, EngineVersion: version })
    const { host, port } = primaryOf(group)
    const plain = { host, port }
    const encrypted = { host, port, tls: true, ca: service.larder('ca') }
    const pids = (await service.nodes()).map((node) => node.pid)
    const workers: Worker[] = []
    const worker = async (socket: object): Promise<Worker> => {
      const made = await lasting(socket)
      workers.push(made)
      return made
    }
    try {
      const first = await worker(plain)
      assert.equal(await reaches(encrypted), false)
      await modify(service, id, { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' })
      assert.deepEqual([await reaches(plain), await reaches(encrypted)], [true, true], 'both, at the same port')
      const [second, third] = [await worker(plain), await worker(encrypted)]
      assert.deepEqual([await isWorking(first), await isWorking(second), await isWorking(third)], [true, true, true])

      await modify(service, id, { TransitEncryptionMode: 'required' })
      assert.deepEqual([await reaches(plain), await reaches(encrypted)], [false, true])
      assert.deepEqual([await isWorking(first), await isWorking(second), await isWorking(third)], [false, false, true])
      const fourth = await worker(encrypted)
      assert.equal((await service.nodes()).find((node) => node.role === 'replica')?.status, 'available')

      await modify(service, id, { TransitEncryptionMode: 'preferred' })
      assert.deepEqual([await reaches(plain), await reaches(encrypted)], [true, true])
      await modify(service, id, { TransitEncryptionMode: 'required' })
      assert.deepEqual([await isWorking(third), await isWorking(fourth)], [true, true], 'they had TLS all the time')

      await modify(service, id, { TransitEncryptionMode: 'preferred' })
      await modify(service, id, { TransitEncryptionEnabled: false })
      assert.deepEqual([await reaches(plain), await reaches(encrypted)], [true, false])
      assert.deepEqual(
        (await service.nodes()).map((node) => node.pid),
        pids,
        'all of it without a restart',
      )
    } finally {
      await Promise.all(workers.map((each) => each.stop()))
    }
  })

test('while both are served a group fails over, comes back after a stop of everything, and takes another replica', async () => {
  await using service = await startTestService()
  const group = await create(service, id, { NumCacheClusters: 2 })
  await modify(service, id, { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' })
  const { host, port } = primaryOf(group)
  const reader = group.NodeGroups?.[0]?.ReaderEndpoint
  const places = [
    { host, port },
    { host: reader?.Address ?? '', port },
  ].flatMap((place) => [place, { ...place, tls: true, ca: service.larder('ca') }])
  const all = (): Promise<readonly boolean[]> => Promise.all(places.map(reaches))
  assert.deepEqual(await all(), [true, true, true, true])
  const client = service.client()
  await client.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }))
  client.destroy()
  await available(service, id)
  assert.deepEqual(await all(), [true, true, true, true])
  const primary = (await service.nodes()).find((node) => node.role === 'primary')
  assert.ok(primary?.pid)
  process.kill(primary.pid, 'SIGKILL')
  await until(
    'the lost one is back',
    async () => (await service.nodes()).find((node) => node.id === primary.id)?.role === 'replica',
  )
  await available(service, id)
  assert.deepEqual(await all(), [true, true, true, true])
})

test('a sharded group is moved to TLS with its bus, under load, and no command fails', async () => {
  await using service = await startTestService()
  const group = await create(service, id, { NumNodeGroups: 3 })
  const { host, port } = placeOf(group.ConfigurationEndpoint)
  const ca = service.larder('ca')
  const open = (tls: object): Cluster => {
    const cluster = new Cluster([{ host, port }], {
      redisOptions: tls,
      clusterRetryStrategy: () => 10,
      retryDelayOnFailover: 10,
      retryDelayOnClusterDown: 10,
      slotsRefreshTimeout: 2_000,
    })
    cluster.on('error', () => undefined) // told by the commands
    return cluster
  }
  const failures: string[] = []
  /** Counts what was answered; ends with `stop`. */
  const load = (cluster: Cluster) => {
    let going = true
    let done = 0
    const work = (async () => {
      while (going) {
        await cluster.set(`key-${done % 300}`, String(done)).then(
          () => {
            done += 1
          },
          (error: unknown) => failures.push(String(error)),
        )
        await delay(1)
      }
    })()
    const stop = async (): Promise<void> => {
      going = false
      await work
    }
    const works = (what: string) => {
      const before = done
      return until(what, () => done >= before + 100, 30_000)
    }
    return { works, stop }
  }
  const [plain, encrypted] = [open({}), open({ tls: { ca } })]
  const plainLoad = load(plain)
  let encryptedLoad: ReturnType<typeof load> | null = null
  try {
    await plainLoad.works('commands without TLS')
    const before = await busConnections(service)
    assert.ok(before.size >= 30, `${before.size} connections`)
    await modify(service, id, { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' })
    encryptedLoad = load(encrypted)
    await Promise.all([encryptedLoad.works('commands with TLS'), plainLoad.works('commands without TLS beside them')])
    await plainLoad.stop()
    const between = await busConnections(service)
    await modify(service, id, { TransitEncryptionMode: 'required' })
    await encryptedLoad.works('commands with TLS, which is required now')
    await until(
      'no connection of the bus is from before',
      async () => {
        const now = await busConnections(service)
        return now.size >= 30 && [...now].every((connection) => !before.has(connection) && !between.has(connection))
      },
      30_000,
    )
    await encryptedLoad.works('commands over a bus with TLS')
    await encryptedLoad.stop()
    assert.deepEqual(failures, [])
    assert.equal(await reaches({ host, port }), false)
    assert.equal(await encrypted.cluster('INFO').then((text) => /cluster_state:ok/.test(String(text))), true)
  } finally {
    await Promise.all([plainLoad.stop(), encryptedLoad?.stop()])
    plain.disconnect()
    encrypted.disconnect()
  }
})
