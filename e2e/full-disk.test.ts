/** The disk of a home is full when its service is killed, starts, and has to do something. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { patience } from '../packages/service/src/testing/busy-machine.ts'
import { type Ballast, openBallast } from './support/ballast.ts'
import { available, create, primaryOf } from './support/groups.ts'
import { releaseBlock, startTestService, type TestService, until } from './support/service.ts'
import { startWriter } from './support/writing.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))

const pidsOf = async (service: TestService) => (await service.nodes()).map(({ id, pid }) => [id, pid])

/** A service whose home is on a disk of its own. */
const onSmallDisk = async (t: TestContext, run: (service: TestService, ballast: Ballast) => Promise<void>): Promise<void> => {
  const disk = mkdtempSync(join(tmpdir(), 'larder-test-disk-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80m,mode=700', 'none', disk]).status !== 0) {
    rmdirSync(disk)
    return t.skip('a small disk can be made by root alone')
  }
  try {
    await using service = await startTestService({ folder: disk })
    using ballast = openBallast(disk)
    await run(service, ballast)
  } finally {
    spawnSync('umount', ['-l', disk])
    rmdirSync(disk)
  }
}

/** Killed, or ended in order: then neither the file of who serves nor the log of the state is there, which have their room. */
for (const how of ['kill', 'end'] as const) {
  test(`a service that starts on a full disk (after ${how}) adopts, fails over, says it, and mends when there is room`, async (t) =>
    onSmallDisk(t, async (service, ballast) => {
      const group = await create(service, 'full', { NumCacheClusters: 3 })
      const { host, port } = primaryOf(group)
      const before = await pidsOf(service)
      await using writer = startWriter({ address: host, port })
      await until('it writes', () => writer.acknowledged.size > 10)
      ballast.fill()
      await service[how]()
      ballast.fill()
      await service.start()
      ballast.fill() // what the start has given up
      assert.deepEqual(await pidsOf(service), before, 'every engine is found again')
      assert.match(service.larder('status'), /The disk of \S+ is full/)
      const primary = (await service.nodes()).find(({ role }) => role === 'primary')
      assert.ok(primary?.pid)
      process.kill(primary.pid, 'SIGKILL')
      await until('another one is primary', async () =>
        (await service.nodes()).some(({ id, role }) => role === 'primary' && id !== primary.id),
      )
      const acknowledged = writer.acknowledged.size
      await until('writes go on', () => writer.acknowledged.size > acknowledged + 50)
      // The promotion was written down: the next start knows it, on a disk that is still full.
      await service.kill()
      ballast.fill()
      await service.start()
      assert.notEqual((await service.nodes()).find(({ role }) => role === 'primary')?.id, primary.id)
      ballast.remove()
      await available(service, 'full')
      await until('all of it runs', async () => (await service.nodes()).every(({ pid }) => pid !== null))
      assert.doesNotMatch(service.larder('status'), /is full/)
    }))
}

/** What is missing when it starts on the full disk, beside what a killed service leaves. */
const missing: readonly (readonly [string, readonly string[]])[] = [
  ['nothing', []],
  ['who served last', ['service.json']],
  ['the file of the lock', ['lock.db']],
  ['the journal and the copies of the state', ['state-copies']],
  ['second copies of the keys', ['kept']],
  ['the networks that it claimed', ['block.json']],
  ['rules of the kernel', ['packet-filter']],
  ['the plan of endpoints', ['endpoints']],
  ['logs', ['logs']],
  ['room that is kept for the state', ['state.db.reserve']],
  ['what readers of the state share', ['state.db-shm']],
  ['descriptions of groups', ['nodes/us-east-1/rg-kept.group.json']],
  ['certificates', ['tls']],
  ['the socket for logins', ['run/iam.sock']],
  [
    'all of these but the state',
    ['service.json', 'lock.db', 'state-copies', 'kept', 'block.json', 'packet-filter', 'logs', 'state.db-shm'],
  ],
]
/** Where no room was kept either. */
const refused: readonly (readonly [string, readonly string[]])[] = [
  ['who served last', ['service.json', 'state.db.reserve']],
  ['what readers of the state share', ['state.db-shm', 'state.db.reserve']],
]

test('whatever is missing, a start on a full disk serves, or says that there is no room and has lost nothing', async (t) =>
  onSmallDisk(t, async (service, ballast) => {
    await create(service, 'kept', { NumCacheClusters: 2 })
    const before = await pidsOf(service)
    const without = async (names: readonly string[]): Promise<void> => {
      await service.kill()
      for (const name of names) rmSync(join(service.home, name), { recursive: true, force: true })
      ballast.fill()
    }
    for (const [what, names] of missing) {
      await without(names)
      await service.start()
      assert.deepEqual(await pidsOf(service), before, what)
      ballast.remove()
      await until('room is kept for the state again', () => existsSync(join(service.home, 'state.db.reserve')))
    }
    for (const [what, names] of refused) {
      await without(names)
      await assert.rejects(
        service.start(),
        /ended with 1; it said: larder: expected room on the disk of \S+, found \d+ bytes \(.*\)\. Nothing was changed, and engines go on/,
        what,
      )
      ballast.remove()
      await service.start()
      assert.deepEqual(await pidsOf(service), before, what)
    }
  }))

test('a new home on a full disk is refused in a sentence, and is made when there is room', async (t) =>
  onSmallDisk(t, async (service, ballast) => {
    const home = join(dirname(service.home), 'larder-test-new')
    const environment = { ...service.environment, LARDER_HOME: home }
    const start = () =>
      spawnSync(process.execPath, [main, 'up', '--port', '0'], { env: environment, encoding: 'utf8', timeout: 20_000 * patience })
    ballast.fill()
    for (let time = 0; time < 2; time += 1) {
      const { status, stderr } = start()
      assert.equal(status, 1, stderr)
      assert.match(stderr, /^larder: expected room on the disk/)
    }
    ballast.remove()
    // It serves until the time for it is over.
    const { stdout, stderr } = spawnSync(
      'timeout',
      ['-s', 'INT', String(5 * patience), process.execPath, main, 'up', '--port', '0'],
      {
        env: environment,
        encoding: 'utf8',
      },
    )
    releaseBlock(home)
    assert.match(stdout, /^ready /m, stderr)
  }))

test('larder down on a full disk ends no engine whose data has no room, and says so; with room it ends all, and nothing is lost', async (t) =>
  onSmallDisk(t, async (service, ballast) => {
    const group = await create(service, 'down', { NumCacheClusters: 2 })
    const { host, port } = primaryOf(group)
    const before = await pidsOf(service)
    const client = new Redis({ host, port })
    try {
      await client.set('kept', 'yes')
      // More than the state gives up when its service ends.
      for (let at = 0; at < 15; at += 1) await client.set(`large-${at}`, randomBytes(1 << 20))
      await client.wait(1, 10_000)
      ballast.fill()
      assert.throws(
        () => service.larder('down'),
        /ended with 1: larder: expected every engine to write its data and end, found 2 that cannot write it/,
      )
      assert.equal(await client.get('kept'), 'yes')
      await service.end()
      await service.start()
      assert.deepEqual(await pidsOf(service), before)
      ballast.remove()
      service.larder('down')
    } finally {
      client.disconnect()
    }
    await service.end()
    await service.start()
    await available(service, 'down')
    const again = new Redis({ host, port })
    try {
      assert.equal(await again.get('kept'), 'yes')
    } finally {
      again.disconnect()
    }
  }))
