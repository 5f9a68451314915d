/** Tokens of Memcached clusters with real clients, in the text protocol and by SASL: who is let in, who is not, and rotation under load. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ModifyCacheClusterCommand, RebootCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { Memcache } from 'memcache'
import { available, create, placesOf } from './support/memcached.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { askTls, type Place } from './support/tls.ts'

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
  const client = new Memcache({ nodes: [`${place.host}:${place.port}`], tls: { ca }, timeout: 5_000 })
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
  const failures: string[] = []
  const clients = Array.from({ length: 50 }, async (_, index) => {
    const place = places[index % places.length]
    while (going && place !== undefined) {
      const token = valid
      const said = await login(place, ca, token)
      if (said === 'in') logins += 1
      else failures.push(`${place.host} ${said}`)
      await delay(100)
    }
  })
  try {
    for (let turn = 1; turn <= 10; turn += 1) {
      await rotate(service, id, tokenOf(turn), 'ROTATE')
      valid = tokenOf(turn)
      await delay(300) // those who have the old one finish
      await rotate(service, id, tokenOf(turn), 'SET')
    }
  } finally {
    going = false
    await Promise.all(clients)
  }
  assert.deepEqual(failures, [])
  assert.ok(logins > 200, `${logins} logins`)
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
  const quit = `${inText(tokenOf(0))}quit\r\n`
  for (const place of places) {
    assert.equal(await textLogin(place, ca, tokenOf(0)), 'in')
    assert.notEqual(await textLogin(place, ca, 'another-token-of-some-length'), 'in')
    const commands = ['get greeting', 'config get cluster', 'stats', 'version', 'flush_all', 'refresh_certs']
    // The engine gives one answer to several commands that come in one piece.
    for (const command of commands)
      assert.match(await askTls(place, ca, `${command}\r\n${quit}`), /^(CLIENT_ERROR unauthenticated\r\n)?STORED\r\n$/)
  }
  for (const place of nodes) {
    // The binary protocol has no login here.
    const binary = Buffer.concat([Buffer.from([0x80, 0x0b]), Buffer.alloc(22), Buffer.from(`\r\n${quit}`)])
    assert.doesNotMatch(await askTls(place, ca, binary), /1\.6\./)
  }
  const ask = `${inText(tokenOf(0))}get greeting\r\nversion\r\nconfig get cluster\r\nversion\r\nquit\r\n`
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
