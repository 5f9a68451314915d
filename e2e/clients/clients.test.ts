/**
 * Clients of six languages with their defaults, through a planned switch and a kill of the primary: no acknowledged write is lost in the switch,
 * and each goes on by itself. How long each waits, and which errors its application sees, is told; docs/clients.md holds it.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { patience, until as untilTold } from '../../packages/service/src/testing/busy-machine.ts'
import { create, type Place, placeOf, primaryOf } from '../support/groups.ts'
import { type StatusReport, startTestService, type TestService, until } from '../support/service.ts'
import { signalEngine } from '../support/signals.ts'
import { clients, type Kind, type Running, run } from './running.ts'

const main = fileURLToPath(new URL('../../packages/service/src/main.ts', import.meta.url))
const password = 'a-password-of-clients-0123456789'
const shards: Readonly<Record<Kind, readonly string[]>> = { cmd: ['0001'], cme: ['0001', '0002'], tls: ['0001'] }
const writesThatShow = 20
const workDeadlineMs = 3_000

/** Nothing waits while it runs: the programs tell meanwhile. */
const larder = async (service: TestService, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [main, ...args], { env: service.environment })).stdout

const primaries = async (service: TestService, id: string): Promise<ReadonlyMap<string, number>> => {
  const status = JSON.parse(await larder(service, 'status', '--json')) as StatusReport
  const group = status.groups.find((each) => each.id === id)
  const nodes = group?.shards.flatMap((shard) => shard.nodes) ?? []
  assert.ok(group?.status === 'available' && nodes.every((node) => node.status === 'available' && node.pid !== null), 'whole')
  return new Map(nodes.filter((node) => node.role === 'primary').map((node) => [node.id, node.pid ?? 0]))
}

const createGroup = async (service: TestService, kind: Kind): Promise<Place> => {
  const group = await create(service, kind, {
    ...(kind === 'cme' ? { NumNodeGroups: 2 } : { NumCacheClusters: 2, MultiAZEnabled: true }),
    ...(kind === 'tls' ? { TransitEncryptionEnabled: true, AuthToken: password } : {}),
  })
  return kind === 'cme' ? placeOf(group.ConfigurationEndpoint) : primaryOf(group)
}

/** Numbers that were acknowledged until now and are not there. */
const missing = async (client: Redis | Cluster, { key }: Running, before: readonly number[]): Promise<readonly number[]> => {
  const stored = new Set<number>()
  for (let part = 0; part < 8; part += 1) for (const field of await client.hkeys(`${key}:${part}`)) stored.add(Number(field))
  return before.filter((number) => !stored.has(number))
}

/** What BullMQ took is written down when a worker has done it: a little later. */
const lostBy = async (client: Redis | Cluster, one: Running): Promise<readonly number[]> => {
  const before = [...one.acknowledged]
  let lost: readonly number[] = []
  const deadline = performance.now() + workDeadlineMs * patience
  do {
    if (lost.length > 0) await delay(50)
    lost = await missing(client, one, before)
  } while (lost.length > 0 && performance.now() < deadline)
  return lost
}

const wait = (what: string, running: readonly Running[], holds: (each: Running) => boolean): Promise<void> =>
  untilTold(
    () => `${what} by ${running.filter((each) => !holds(each)).map((each) => `${each.name}, which told last: ${each.last()}`)}`,
    () => {
      for (const each of running) assert.equal(each.ended(), null, each.name)
      return running.every(holds)
    },
    30_000,
  )

for (const kind of ['cmd', 'cme', 'tls'] as const)
  test(`${kind}: no client loses an acknowledged write in a planned switch, and each goes on after it and after a kill`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-test-clients-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await using service = await startTestService()
    const place = await createGroup(service, kind)
    const ca = join(folder, 'ca.pem')
    const authority = await larder(service, 'ca')
    writeFileSync(ca, authority)
    const secure = kind === 'tls' ? { password, tls: { ca: authority } } : {}
    const own = kind === 'cme' ? new Cluster([place]) : new Redis({ ...place, ...secure })
    own.on('error', () => undefined) // told by the reads
    const running: Running[] = []
    try {
      for (const client of clients) {
        if (!client.kinds.includes(kind)) continue
        const prepared = await client.prepare(folder)
        if (typeof prepared === 'string') t.diagnostic(`${client.name} is skipped: ${prepared}`)
        else {
          const from = (first: number) => prepared({ ...place, kind, key: client.name, ca, password, first })
          running.push(run(client.name, client.name, from(0), client.restarts === true ? from : null))
        }
      }
      assert.ok(running.length >= 4, 'those of npm are always there')
      const goOn = (what: string, from: number) => wait(what, running, (each) => each.since(from).writes >= writesThatShow)
      const tell = (what: string, from: number): void => {
        for (const each of running) {
          const { gapMs, errors } = each.since(from)
          const said = [...errors].map(([text, count]) => `${count} × ${text}`)
          t.diagnostic(`${kind}, ${what}: ${each.name} ${Math.round(gapMs)} ms${said.map((text) => `; ${text}`).join('')}`)
        }
      }
      await goOn('writes', 0)

      const first = await primaries(service, kind)
      const switched = Date.now()
      for (const shard of shards[kind]) await larder(service, 'failover', kind, shard)
      await goOn('writes after the switch', Date.now())
      tell('switch', switched)
      for (const each of running) assert.deepEqual(await lostBy(own, each), [], `${each.name} lost writes in the switch`)

      const second = await until('the group is whole', () => primaries(service, kind), 30_000)
      for (const [id] of first) assert.ok(!second.has(id), `another primary than ${id}`)
      const killed = Date.now()
      for (const pid of second.values()) signalEngine(service.home, pid, 'SIGKILL')
      await until('other primaries', async () => [...(await primaries(service, kind)).keys()].every((id) => !second.has(id)))
      await goOn('writes after the kill', Date.now())
      tell('kill', killed)
      for (const each of running) {
        const lost = await lostBy(own, each)
        if (lost.length > 0) t.diagnostic(`${kind}, kill: ${each.name} lost ${lost.length} of ${each.acknowledged.size}`)
        assert.deepEqual(each.stale, [], `${each.name} read old values from its own cache`)
      }
    } finally {
      await Promise.all(running.map((each) => each.end()))
      own.disconnect()
    }
  })
