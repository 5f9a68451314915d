/** Tokens of Memcached clusters with real clients, in the text protocol and by SASL: who is let in, who is not, and rotation under load. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type CacheCluster,
  CreateCacheParameterGroupCommand,
  ModifyCacheClusterCommand,
  ModifyCacheParameterGroupCommand,
  RebootCacheClusterCommand,
} from '@aws-sdk/client-elasticache'
import { createNode, Memcache } from 'memcache'
import { available, create, placesOf } from './support/memcached.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { askTls, type Place, trusting } from './support/tls.ts'

const tokenOf = (turn: number): string => `memcached-token-number-${turn}!`

const rotate = async (service: TestService, id: string, AuthToken: string, strategy: 'ROTATE' | 'SET'): Promise<void> => {
  const api = service.client()
  const input = { CacheClusterId: id, AuthToken, AuthTokenUpdateStrategy: strategy, ApplyImmediately: true } as const
  await api.send(new ModifyCacheClusterCommand(input))
  api.destroy()
  await available(service, id)
}

/** Logs in as clients of the text protocol do, with a `set` whatever its key; then reads and writes. What went wrong otherwise. */
const textLogin = async (place: Place, ca: string, token: string): Promise<string> => {
  const client = new Memcache({ nodes: [`${place.host}:${place.port}`], tls: trusting(ca), timeout: 5_000 })
  client.on('error', () => undefined) // told by the promises
  try {
    await client.connect()
    if (!(await client.set('login', `default ${token}`))) return 'refused'
    assert.equal(await client.set('greeting', 'hello'), true)
    assert.equal(await client.get('greeting'), 'hello')
    return 'in'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.disconnect()
  }
}

const inText = (token: string): string => {
  const login = `default ${token}`
  return `set login 0 0 ${login.length}\r\n${login}\r\n`
}

type Login = typeof textLogin

/** Ten rotations while 50 clients log in, work and leave with whatever token they have been told last. */
const rotateUnderLoad = async (service: TestService, id: string, places: readonly Place[], login: Login): Promise<void> => {
  const ca = service.larder('ca')
  let valid = tokenOf(0)
  let going = true
  let logins = 0
  const underWay = new Set<Promise<string>>()
  const failures: string[] = []
  const clients = Array.from({ length: 50 }, async (_, index) => {
    const place = places[index % places.length]
    while (going && place !== undefined) {
      const token = valid
      const asked = login(place, ca, token)
      underWay.add(asked)
      const said = await asked
      underWay.delete(asked)
      if (said === 'in') logins += 1
      else failures.push(`${place.host} ${said}`)
      await delay(100)
    }
  })
  try {
    for (let turn = 1; turn <= 10; turn += 1) {
      await rotate(service, id, tokenOf(turn), 'ROTATE')
      valid = tokenOf(turn)
      await Promise.all(underWay) // those who have the old one finish
      await rotate(service, id, tokenOf(turn), 'SET')
      await until(`${turn * 20} logins`, () => failures.length > 0 || logins >= turn * 20)
    }
  } finally {
    going = false
    await Promise.all(clients)
  }
  assert.deepEqual(failures, [])
  for (const place of places) {
    assert.notEqual(await login(place, ca, tokenOf(9)), 'in', 'the token of before')
    assert.equal(await login(place, ca, tokenOf(10)), 'in')
  }
}

/** Files of the home, and processes of the machine, in which a token stands. */
const whereTokensAre = (service: TestService): readonly string[] => {
  const files = spawnSync('grep', ['-rlaE', 'memcached-token-number', service.home], { encoding: 'utf8' }).stdout
  const processes = spawnSync(
    'sh',
    ['-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -ac memcached-token-numbe[r]'],
    {
      encoding: 'utf8',
    },
  ).stdout
  assert.equal(processes.trim(), '0')
  return files.split('\n').filter((path) => path !== '')
}

test('clients of the text protocol log in with a token, at nodes and at the configuration endpoint; nobody else gets an answer', async () => {
  await using service = await startTestService()
  const cluster = await create(service, 'text', 2, { AuthToken: tokenOf(0) })
  assert.deepEqual([cluster.AuthTokenEnabled, cluster.TransitEncryptionEnabled], [true, true])
  const ca = service.larder('ca')
  const { configuration, nodes } = placesOf(cluster)
  const places = [configuration, ...nodes]
  const ending = `${inText(tokenOf(0))}quit\r\n`
  for (const place of places) {
    assert.equal(await textLogin(place, ca, tokenOf(0)), 'in')
    assert.notEqual(await textLogin(place, ca, 'another-token-of-some-length'), 'in')
    const commands = ['get greeting', 'config get cluster', 'stats', 'version', 'flush_all', 'refresh_certs']
    // The engine gives one answer to several commands that come in one piece.
    for (const command of commands)
      assert.match(await askTls(place, ca, `${command}\r\n${ending}`), /^(CLIENT_ERROR unauthenticated\r\n)?STORED\r\n$/)
  }
  for (const place of nodes) {
    // The binary protocol has no login here.
    const binary = Buffer.concat([Buffer.from([0x80, 0x0b]), Buffer.alloc(22), Buffer.from(`\r\n${ending}`)])
    assert.doesNotMatch(await askTls(place, ca, binary), /1\.6\./)
  }
  const ask = `${inText(tokenOf(0))}get greeting\r\nversion\r\nconfig get cluster\r\nversion\r\nquit\r\n`
  for (const place of nodes)
    assert.match(
      await askTls(place, ca, `${inText(tokenOf(0))}config get cluster\r\nquit\r\n`),
      /^STORED\r\nCONFIG cluster 0 \d+\r\n1\n127[^\n]*\n\r\nEND\r\n$/,
    )
  assert.match(
    await askTls(configuration, ca, ask),
    /^STORED\r\n(VALUE greeting 0 5\r\nhello\r\n)?END\r\nVERSION .*\r\nCONFIG cluster 0 \d+\r\n1\n127[^\n]*\n\r\nEND\r\nVERSION [\d.]+\r\n$/,
  )
  // The list is for those who are in, also within one piece.
  const wrong = inText('another-token-of-some-length')
  assert.equal(
    await askTls(configuration, ca, `${wrong}config get cluster\r\n${inText(tokenOf(0))}config get other\r\nquit\r\n`),
    'CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\nSTORED\r\nERROR\r\n',
  )

  const found = whereTokensAre(service)
  assert.deepEqual(
    found.map((path) => path.split('/').at(-1)),
    ['tokens', 'tokens'],
    found.join(),
  )
  for (const path of found) assert.equal(statSync(path).mode & 0o777, 0o600)

  // Another Larder, a node that starts anew and one that comes later all know the token.
  await service.kill()
  await service.start()
  const api = service.client()
  await api.send(new RebootCacheClusterCommand({ CacheClusterId: 'text', CacheNodeIdsToReboot: ['0001'] }))
  await available(service, 'text')
  await api.send(new ModifyCacheClusterCommand({ CacheClusterId: 'text', NumCacheNodes: 3, ApplyImmediately: true }))
  const larger = await until('three nodes', async () => {
    const now = await available(service, 'text')
    return now.CacheNodes?.length === 3 ? placesOf(now) : undefined
  })
  for (const place of larger.nodes) {
    assert.equal(await textLogin(place, ca, tokenOf(0)), 'in')
    assert.notEqual(await textLogin(place, ca, tokenOf(1)), 'in')
  }
  await assert.rejects(
    api.send(
      new ModifyCacheClusterCommand({ CacheClusterId: 'text', AuthTokenUpdateStrategy: 'DELETE', ApplyImmediately: true }),
    ),
    /Memcached does not have/,
  )
  api.destroy()
})

test('tokens of the text protocol are rotated ten times under load: whoever has a valid one is let in', async () => {
  await using service = await startTestService()
  const { configuration, nodes } = placesOf(await create(service, 'turn', 2, { AuthToken: tokenOf(0) }))
  await rotateUnderLoad(service, 'turn', [...nodes, configuration], textLogin)
})

/** As `textLogin`, by SASL PLAIN and in the binary protocol. */
const saslLogin: Login = async ({ host, port }, ca, token) => {
  const node = createNode(host, port, { tls: { ca }, timeout: 5_000, sasl: { username: 'default', password: token } })
  node.on('error', () => undefined) // told by the promises
  try {
    await node.connect()
    assert.equal(await node.binarySet('greeting', 'hello'), true)
    assert.equal(await node.binaryGet('greeting'), 'hello')
    return 'in'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await node.disconnect()
  }
}

/** A message of the binary protocol. */
const message = (opcode: number, key = '', value = ''): Buffer => {
  const header = Buffer.alloc(24)
  header.writeUInt8(0x80, 0)
  header.writeUInt8(opcode, 1)
  header.writeUInt16BE(key.length, 2)
  header.writeUInt32BE(key.length + value.length, 8)
  return Buffer.concat([header, Buffer.from(key), Buffer.from(value)])
}
const [quit, getConfig, saslAuth] = [0x07, 0x60, 0x21]
const plain = (token: string): Buffer => message(saslAuth, 'PLAIN', `\0default\0${token}`)

/** A cluster whose clients log in by SASL. */
const createSasl = async (service: TestService, id: string, count: number): Promise<CacheCluster> => {
  const api = service.client()
  const group = { CacheParameterGroupName: `${id}-binary` }
  await api.send(
    new CreateCacheParameterGroupCommand({ ...group, CacheParameterGroupFamily: 'memcached1.6', Description: 'SASL' }),
  )
  const ParameterNameValues = [{ ParameterName: 'binding_protocol', ParameterValue: 'binary' }]
  await api.send(new ModifyCacheParameterGroupCommand({ ...group, ParameterNameValues }))
  api.destroy()
  return create(service, id, count, { AuthToken: tokenOf(0), ...group })
}

test('clients of SASL log in with a token, at nodes and at the configuration endpoint; nobody else gets an answer', async () => {
  await using service = await startTestService()
  const ca = service.larder('ca')
  const { configuration, nodes } = placesOf(await createSasl(service, 'sasl', 2))
  for (const place of [configuration, ...nodes]) {
    assert.equal(await saslLogin(place, ca, tokenOf(0)), 'in')
    for (const wrong of ['another-token-of-some-length', '', `${tokenOf(0)}x`, tokenOf(0).slice(0, -1)])
      assert.match(await saslLogin(place, ca, wrong), /[Aa]uth/, wrong)
    assert.match(await askTls(place, ca, Buffer.concat([message(0x00, 'greeting'), message(quit)])), /Auth failure/)
    assert.doesNotMatch(
      await askTls(place, ca, `${inText(tokenOf(0))}get greeting\r\nquit\r\n`),
      /STORED|VALUE/,
      'another protocol',
    )
  }
  const list = /^.{24}Authenticated.{28}1\n127[^\n]* 127[^\n]*\n/s
  const ask = (...messages: readonly Buffer[]): Promise<string> => askTls(configuration, ca, Buffer.concat(messages))
  assert.match(await ask(plain(tokenOf(0)), message(getConfig, 'cluster'), message(quit)), list)
  assert.doesNotMatch(await ask(plain(tokenOf(1)), message(getConfig, 'cluster'), message(0x00, 'k')), /\n127/)
  assert.doesNotMatch(await ask(message(getConfig, 'cluster'), message(0x00, 'k')), /\n127/)
  // In SASL's file a single token is a hash alone.
  assert.deepEqual(whereTokensAre(service), [])

  await service.kill()
  await service.start()
  const api = service.client()
  await api.send(new RebootCacheClusterCommand({ CacheClusterId: 'sasl', CacheNodeIdsToReboot: ['0002'] }))
  await available(service, 'sasl')
  for (const place of nodes) assert.equal(await saslLogin(place, ca, tokenOf(0)), 'in')

  // Another protocol is another login, from the reboot on.
  const ParameterNameValues = [{ ParameterName: 'binding_protocol', ParameterValue: 'auto' }]
  await api.send(new ModifyCacheParameterGroupCommand({ CacheParameterGroupName: 'sasl-binary', ParameterNameValues }))
  const waiting = await until('a reboot to be waited for', async () => {
    const cluster = await available(service, 'sasl')
    return cluster.CacheParameterGroup?.ParameterApplyStatus === 'pending-reboot'
  })
  assert.ok(waiting)
  for (const place of nodes) assert.equal(await saslLogin(place, ca, tokenOf(0)), 'in')
  await api.send(new RebootCacheClusterCommand({ CacheClusterId: 'sasl', CacheNodeIdsToReboot: ['0001', '0002'] }))
  await available(service, 'sasl')
  for (const place of nodes) assert.equal(await textLogin(place, ca, tokenOf(0)), 'in')
  api.destroy()
})

test('tokens of SASL are rotated ten times under load: whoever has a valid one is let in', async () => {
  await using service = await startTestService()
  const { configuration, nodes } = placesOf(await createSasl(service, 'spin', 2))
  await rotateUnderLoad(service, 'spin', [...nodes, configuration], saslLogin)
})
