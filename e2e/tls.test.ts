/** Encryption in transit with real engines and clients: who is let in, what the certificates say, and their rotation under load. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ModifyReplicationGroupCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { available, create, type Place, placeOf, primaryOf } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { trusting } from './support/tls.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))

const createWithTls = (service: TestService, id: string, input: Parameters<typeof create>[2]) =>
  create(service, id, { TransitEncryptionEnabled: true, ...input })

/** The peer's certificate, or why there is no connection. */
const shake = (place: Place, options: Readonly<Record<string, unknown>>): Promise<DetailedPeerCertificate | string> =>
  new Promise((resolve) => {
    const socket = connect({ ...place, ...options })
    socket.setTimeout(3_000, () => resolve('no answer'))
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate(true))
      socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })

for (const version of ['9.1', '7.0'])
  test(`engine ${version}: a group with TLS serves those who trust its authority, and nobody else`, async () => {
    await using service = await startTestService()
    const group = await createWithTls(service, 'safe', { NumCacheClusters: 2, EngineVersion: version })
    assert.deepEqual([group.TransitEncryptionEnabled, group.TransitEncryptionMode], [true, 'required'])
    const ca = service.larder('ca')
    const primary = primaryOf(group)
    const reader = placeOf(group.NodeGroups?.[0]?.ReaderEndpoint)

    const client = createClient({ socket: { ...primary, tls: true, ...trusting(ca) } })
    client.on('error', () => undefined) // told by the commands
    await client.connect()
    await client.set('greeting', 'hello')
    const replica = new Redis({ ...reader, tls: { ca }, lazyConnect: true, retryStrategy: () => null })
    await replica.connect()
    await until('the replica has it', async () => (await replica.get('greeting')) === 'hello')
    assert.match(String(await replica.info('replication')), /role:slave/)
    replica.disconnect()

    assert.equal(service.larder('connect', 'safe', 'GET', 'greeting').trim(), 'hello')
    assert.equal(await shake(primary, {}), 'SELF_SIGNED_CERT_IN_CHAIN', 'nobody is trusted by chance')
    assert.notEqual(typeof (await shake(primary, { ca, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })), 'string')
    assert.notEqual(typeof (await shake(primary, { ca, minVersion: 'TLSv1.3' })), 'string')
    const old = { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    assert.equal(typeof (await shake(primary, old)), 'string', 'older versions are refused')
    const plain = new Redis({ ...primary, lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 })
    plain.on('error', () => undefined) // told by the promise
    await assert.rejects(plain.connect().then(() => plain.ping()))
    plain.disconnect()

    // The one who takes over has a certificate for the same endpoint.
    const api = service.client()
    await api.send(new TestFailoverCommand({ ReplicationGroupId: 'safe', NodeGroupId: '0001' }))
    api.destroy()
    await available(service, 'safe')
    assert.equal(await until('the client is back', () => client.get('greeting')), 'hello')
    client.destroy()

    for (const node of await service.nodes()) {
      const folder = join(service.home, 'nodes', 'us-east-1', node.id)
      for (const file of readdirSync(folder).filter((name) => /key|crt/.test(name)))
        assert.equal(statSync(join(folder, file)).mode & 0o077, 0, `${file} is for its user alone`)
    }
  })

test('a sharded group speaks TLS to its clients, between its nodes and on its bus, and fails over', async () => {
  await using service = await startTestService()
  const group = await createWithTls(service, 'shards', { NumNodeGroups: 3 })
  const ca = service.larder('ca')
  const cluster = new Cluster([placeOf(group.ConfigurationEndpoint)], {
    redisOptions: { tls: { ca } },
    clusterRetryStrategy: () => 10,
    retryDelayOnFailover: 10,
    slotsRefreshTimeout: 2_000,
  })
  cluster.on('error', () => undefined) // told by the commands
  for (let key = 0; key < 100; key += 1) await cluster.set(`key-${key}`, String(key))
  const primary = (await service.nodes()).find((node) => node.role === 'primary')
  assert.ok(primary?.pid)
  process.kill(primary.pid, 'SIGKILL')
  await until('another primary', async () => (await service.nodes()).find((node) => node.id === primary.id)?.role === 'replica')
  await available(service, 'shards')
  for (let key = 0; key < 100; key += 1) assert.equal(await cluster.get(`key-${key}`), String(key))
  cluster.disconnect()
  const member = (await service.nodes()).find((node) => node.id !== primary.id)
  assert.ok(member)
  const bus = await shake({ host: primary.address, port: primary.port + 10_000 }, { ca, localAddress: member.address })
  assert.notEqual(typeof bus, 'string', `the bus speaks TLS too: ${String(bus)}`)
})

test('certificates are rotated ten times under load, without a restart and without a failed command', async () => {
  await using service = await startTestService()
  const group = await createWithTls(service, 'turn', { NumCacheClusters: 2 })
  const ca = service.larder('ca')
  const primary = primaryOf(group)
  const pids = (await service.nodes()).map((node) => node.pid)
  const failures: unknown[] = []
  let going = true
  let done = 0
  const lasting = Array.from({ length: 25 }, async () => {
    const client = createClient({ socket: { ...primary, tls: true, ca } })
    client.on('error', (error: unknown) => failures.push(error))
    await client.connect()
    while (going) {
      await client.incr('count').then(
        () => {
          done += 1
        },
        (error: unknown) => failures.push(error),
      )
      await delay(5)
    }
    client.destroy()
  })
  const coming = Array.from({ length: 25 }, async () => {
    while (going) {
      const client = createClient({ socket: { ...primary, tls: true, ...trusting(ca), reconnectStrategy: false } })
      client.on('error', (error: unknown) => failures.push(error))
      try {
        await client.connect()
        await client.incr('count')
        done += 1
      } catch (error) {
        failures.push(error)
      }
      client.destroy()
      await delay(50)
    }
  })
  const serials = new Set<string>()
  const look = async (): Promise<string> => {
    const peer = await shake(primary, { ca })
    assert.ok(typeof peer !== 'string', String(peer))
    assert.equal(new X509Certificate(peer.raw).checkIP(primary.host), primary.host)
    return peer.serialNumber
  }
  try {
    serials.add(await look())
    for (let turn = 0; turn < 10; turn += 1) {
      await promisify(execFile)(process.execPath, [main, 'certs', 'rotate'], { env: service.environment, timeout: 30_000 })
      serials.add(
        await until('another certificate', async () => {
          const serial = await look()
          return serials.has(serial) ? undefined : serial
        }),
      )
      await until(`${(turn + 1) * 50} commands`, () => failures.length > 0 || done >= (turn + 1) * 50)
    }
  } finally {
    going = false
    await Promise.all([...lasting, ...coming])
  }
  assert.equal(serials.size, 11)
  assert.deepEqual(failures, [])
  assert.deepEqual(
    (await service.nodes()).map((node) => node.pid),
    pids,
  )
})

test('AUTH tokens are rotated ten times under load: whoever has a valid one never fails, and old ones are refused after SET', async () => {
  await using service = await startTestService()
  const group = await createWithTls(service, 'auth', { NumCacheClusters: 2 })
  const ca = service.larder('ca')
  const primary = primaryOf(group)
  const api = service.client()
  const tokenOf = (turn: number): string => `larder-token-number-${turn}`
  const modify = async (AuthToken: string, AuthTokenUpdateStrategy: 'ROTATE' | 'SET'): Promise<void> => {
    const input = { ReplicationGroupId: 'auth', AuthToken, AuthTokenUpdateStrategy, ApplyImmediately: true }
    await api.send(new ModifyReplicationGroupCommand(input))
    await available(service, 'auth')
  }
  const login = async (password: string | undefined, port = primary.port): Promise<string> => {
    const socket = { host: primary.host, port, tls: true, ...trusting(ca), reconnectStrategy: false } as const
    const client = createClient({ socket, ...(password === undefined ? {} : { password }) })
    client.on('error', () => undefined) // told by the promise
    try {
      await client.connect()
      return await client.ping()
    } catch (error) {
      return error instanceof Error ? (error.message.split(' ')[0] ?? '') : 'failed'
    } finally {
      client.destroy()
    }
  }
  await modify(tokenOf(0), 'ROTATE')
  assert.equal(await login(undefined), 'PONG', 'the first rotation leaves the token optional')
  await modify(tokenOf(0), 'SET')
  assert.deepEqual(
    [await login(undefined), await login('wrong-token-of-length-16'), await login(tokenOf(0))],
    ['NOAUTH', 'WRONGPASS', 'PONG'],
  )

  let valid = tokenOf(0)
  let going = true
  let logins = 0
  const underWay = new Set<Promise<string>>()
  const failures: string[] = []
  const clients = Array.from({ length: 50 }, async () => {
    while (going) {
      const asked = login(valid)
      underWay.add(asked)
      const said = await asked
      underWay.delete(asked)
      if (said === 'PONG') logins += 1
      else failures.push(said)
      await delay(100)
    }
  })
  try {
    for (let turn = 1; turn <= 10; turn += 1) {
      await modify(tokenOf(turn), 'ROTATE')
      valid = tokenOf(turn)
      await Promise.all(underWay) // those who have the old one finish
      await modify(tokenOf(turn), 'SET')
      await until(`${turn * 10} logins`, () => failures.length > 0 || logins >= turn * 10)
    }
  } finally {
    going = false
    await Promise.all(clients)
  }
  assert.deepEqual(failures, [])
  assert.deepEqual([await login(tokenOf(9)), await login(tokenOf(10))], ['WRONGPASS', 'PONG'])

  // Who takes over knows the token; a client sees no hash of it; nothing that was written holds it.
  await api.send(new TestFailoverCommand({ ReplicationGroupId: 'auth', NodeGroupId: '0001' }))
  await available(service, 'auth')
  api.destroy()
  assert.deepEqual([await login(undefined), await login(tokenOf(10))], ['NOAUTH', 'PONG'])
  const found = spawnSync('grep', ['-rlE', 'larder-token-number|wrong-token', service.home, '--exclude-dir=run'], {
    encoding: 'utf8',
  })
  assert.equal(found.stdout, '')
})
