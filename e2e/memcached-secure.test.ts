/** Memcached with encryption in transit: real engines, clients that nobody here wrote, and beside each what is refused. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ModifyCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { Memcache } from 'memcache'
import { available, create, placesOf } from './support/memcached.ts'
import { startTestService, until } from './support/service.ts'
import { askTls, serialOf, trusting } from './support/tls.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))

/** What `openssl s_client` says of a handshake. */
const handshake = (place: { host: string; port: number }, ...args: readonly string[]): string => {
  const all = ['s_client', '-connect', `${place.host}:${place.port}`, '-verify_ip', place.host, ...args]
  const { stdout, stderr } = spawnSync('openssl', all, { input: '', encoding: 'utf8', timeout: 10_000 })
  return stdout + stderr
}

const askPlain = (place: { host: string; port: number }, text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectPlain(place.port, place.host, () => socket.write(text))
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.setTimeout(2_000, () => socket.destroy())
    socket.on('error', () => undefined) // its end says enough
    socket.on('close', () => resolve(answer))
  })

test('a cluster with TLS serves those who trust its authority, at its nodes and at its configuration endpoint, and nobody else', async () => {
  await using service = await startTestService()
  const cluster = await create(service, 'safe', 2)
  assert.deepEqual([cluster.TransitEncryptionEnabled, cluster.AuthTokenEnabled], [true, false])
  const ca = service.larder('ca')
  const { configuration, nodes } = placesOf(cluster)

  const client = new Memcache({ nodes: nodes.map(({ host, port }) => `${host}:${port}`), tls: { ca } })
  for (let index = 0; index < 20; index += 1) assert.equal(await client.set(`key${index}`, `value${index}`), true)
  for (let index = 0; index < 20; index += 1) assert.equal(await client.get(`key${index}`), `value${index}`)
  await client.disconnect()
  const answer = await askTls(configuration, ca, 'set through 0 0 3\r\nyes\r\nconfig get cluster\r\nget through\r\nquit\r\n')
  const list = nodes.map(({ host, port }) => `${host}|${host}|${port}`).join(' ')
  assert.equal(
    answer,
    `STORED\r\nCONFIG cluster 0 ${list.length + 3}\r\n1\n${list}\n\r\nEND\r\nVALUE through 0 3\r\nyes\r\nEND\r\n`,
  )
  for (const node of nodes)
    assert.equal(await askTls(node, ca, 'config get cluster\r\nquit\r\n'), /CONFIG[\s\S]+?END\r\n/.exec(answer)?.[0])
  assert.match(service.larder('connect', 'safe', 'get', 'through'), /yes/)

  const stranger = new Memcache({ nodes: [`${nodes[0]?.host}:11211`], tls: true, timeout: 2_000 })
  stranger.on('error', () => undefined) // told by the promise
  await assert.rejects(stranger.connect())
  const trusted = join(service.home, 'tls/ca.crt')
  for (const place of [configuration, ...nodes]) {
    for (const version of ['-tls1_2', '-tls1_3']) {
      assert.match(handshake(place, '-CAfile', trusted, version), /Verify return code: 0 \(ok\)/, `${place.host} ${version}`)
    }
    assert.match(handshake(place), /unable to get local issuer|self-signed/, 'nobody is trusted by chance')
    assert.match(handshake(place, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'), /Cipher is \(NONE\)/)
    assert.match(handshake(place, '-tls1_2', '-cipher', 'AES128-SHA'), /Cipher is \(NONE\)/)
    assert.doesNotMatch(await askPlain(place, 'version\r\nconfig get cluster\r\n'), /VERSION|CONFIG/)
  }
  for (const file of ['tls.key', 'tls.crt']) {
    const found = spawnSync('find', [service.home, '-name', file], { encoding: 'utf8' }).stdout.trim().split('\n')
    assert.ok(found.length >= 2 && found.every((path) => (statSync(path).mode & 0o777) === 0o600), file)
  }
  assert.equal(statSync(join(service.home, 'endpoints/plan.json')).mode & 0o777, 0o600)

  // Another Larder finds all of it again, and what it then adds speaks TLS too.
  const before = (await service.nodes()).map((node) => node.pid)
  await service.kill()
  assert.match(await askTls(configuration, ca, 'config get cluster\r\nquit\r\n'), /CONFIG cluster/)
  await service.start()
  const api = service.client()
  await api.send(new ModifyCacheClusterCommand({ CacheClusterId: 'safe', NumCacheNodes: 3, ApplyImmediately: true }))
  const larger = placesOf(
    await until('three nodes', async () => {
      const found = await available(service, 'safe')
      return found.CacheNodes?.length === 3 ? found : undefined
    }),
  )
  api.destroy()
  for (const place of larger.nodes) assert.match(await askTls(place, ca, 'version\r\nquit\r\n'), /^VERSION 1\.6/)
  assert.deepEqual((await service.nodes()).map((node) => node.pid).slice(0, 2), before)
})

test('certificates are rotated ten times under load, on running nodes, without a failed command', async () => {
  await using service = await startTestService()
  const { configuration, nodes } = placesOf(await create(service, 'turn', 2))
  const ca = service.larder('ca')
  const pids = (await service.nodes()).map((node) => node.pid)
  const targets = [...nodes, configuration]
  let going = true
  let done = 0
  const failures: unknown[] = []
  const work = async (index: number, isLasting: boolean): Promise<void> => {
    const target = targets[index % targets.length]
    const open = (): Memcache => {
      const client = new Memcache({ nodes: [`${target?.host}:${target?.port}`], tls: trusting(ca) })
      client.on('error', (error: unknown) => failures.push(error))
      return client
    }
    let client = open()
    while (going) {
      try {
        const value = `${index}-${done}`
        assert.equal(await client.set(`key-${index}`, value), true)
        assert.equal(await client.get(`key-${index}`), value)
        done += 1
      } catch (error) {
        failures.push(error)
      }
      if (!isLasting) {
        await client.disconnect()
        client = open()
      }
      await delay(20)
    }
    await client.disconnect()
  }
  const clients = Array.from({ length: 50 }, (_, index) => work(index, index < 30))
  const seen = targets.map(() => new Set<string>())
  const look = (): Promise<readonly string[]> => Promise.all(targets.map((target) => serialOf(target, ca)))
  try {
    for (const [index, serial] of (await look()).entries()) seen[index]?.add(serial)
    for (let turn = 0; turn < 10; turn += 1) {
      await promisify(execFile)(process.execPath, [main, 'certs', 'rotate'], { env: service.environment, timeout: 30_000 })
      const fresh = await until('other certificates everywhere', async () => {
        const serials = await look()
        return serials.every((serial, index) => !seen[index]?.has(serial)) ? serials : undefined
      })
      for (const [index, serial] of fresh.entries()) seen[index]?.add(serial)
      await until(`${(turn + 1) * 50} pairs of commands`, () => failures.length > 0 || done >= (turn + 1) * 50)
    }
  } finally {
    going = false
    await Promise.all(clients)
  }
  assert.deepEqual(
    seen.map((serials) => serials.size),
    [11, 11, 11],
  )
  assert.deepEqual(failures, [])
  assert.deepEqual(
    (await service.nodes()).map((node) => node.pid),
    pids,
  )
})
