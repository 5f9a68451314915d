/** `larder down` signals the service of its home, and no other process, whatever stands in `service.json`. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openHome } from '../home/home.ts'
import { lockHome, removeService, runningService } from '../home/lock.ts'
import { openSecrets } from '../home/secrets.ts'
import { runOther, temporaryFolder } from '../home/testing.ts'
import { bootId, readStat } from '../host/proc.ts'
import { checkService, endServiceProcess, ownIdentity } from '../host/service-process.ts'
import { openSqliteStore } from '../store/sqlite.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Ends at the first signal that it gets, and is then told by its exit. */
const startForeign = async (): Promise<ChildProcess & Disposable> => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') })
}

const isUntouched = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

const down = (home: string) =>
  spawnSync(process.execPath, [main, 'down'], {
    env: { ...process.env, LARDER_HOME: home, LARDER_NFTABLES: 'off' },
    encoding: 'utf8',
    timeout: 30_000,
  })

const records: readonly (readonly [what: string, record: (pid: number) => object])[] = [
  ['a Larder of before', (pid) => ({ pid, url: 'http://127.0.0.1:1', startedAt: 1 })],
  ['a process of another time', (pid) => ({ pid, startTime: '1', bootId: bootId(), url: 'http://127.0.0.1:1', startedAt: 1 })],
  [
    'a process of another boot',
    (pid) => ({ pid, startTime: readStat(pid)?.startTime, bootId: 'of-before', url: 'http://127.0.0.1:1', startedAt: 1 }),
  ],
  [
    'exactly this process, which does not hold the lock',
    (pid) => ({ pid, startTime: readStat(pid)?.startTime, bootId: bootId(), url: 'http://127.0.0.1:1', startedAt: 1 }),
  ],
  ['exactly this process, at another task', (pid) => ({ pid, url: null, task: 'recover', startedAt: 1 })],
]

for (const [what, record] of records) {
  test(`a foreign process is not signalled where the file names ${what}, also while another process holds the lock`, async () => {
    using folder = temporaryFolder()
    using foreign = await startForeign()
    const home = openHome(folder.path)
    writeFileSync(home.serviceFile, JSON.stringify(record(foreign.pid ?? 0)))
    const lock = lockHome(home)
    const found = runningService(home)
    assert.ok(found !== null)
    assert.equal(checkService(found, home.lockFile), 'stranger')
    assert.equal(endServiceProcess(found, home.lockFile), false)
    lock.release()
    assert.ok(isUntouched(foreign))
  })
}

test('a record whose process is gone, or is a number that no process has, is an answer and no error', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  lockHome(home).release()
  const ended = spawnSync('true')
  for (const pid of [ended.pid, 4_194_400]) {
    assert.equal(checkService({ pid }, home.lockFile), 'gone')
    assert.equal(endServiceProcess({ pid }, home.lockFile), false)
  }
})

test('who holds the lock is recognised', () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  const lock = lockHome(home)
  assert.equal(checkService(ownIdentity(), home.lockFile), 'running')
  lock.release()
  assert.equal(checkService(ownIdentity(), home.lockFile), 'stranger')
})

test('the command leaves a foreign process alone: with a free lock it goes on, with a lock of somebody else it says so', async () => {
  using folder = temporaryFolder()
  using foreign = await startForeign()
  const home = openHome(folder.path)
  await openSqliteStore(home.stateFile, { clock: { now: () => 1 } }).close()
  openSecrets(home)
  writeFileSync(home.serviceFile, JSON.stringify({ pid: foreign.pid, url: 'http://127.0.0.1:1', startedAt: 1 }))
  await using holder = runOther(
    import.meta.url,
    `import { openHome } from '../home/home.ts'
     import { lockHome } from '../home/lock.ts'
     const lock = lockHome(openHome(${JSON.stringify(folder.path)}))
     console.log('held')
     setInterval(() => lock, 1000)`,
  )
  assert.equal(await holder.line(), 'held')
  const busy = down(folder.path)
  assert.equal(busy.status, 1, busy.stderr)
  assert.match(busy.stderr, /another process holds .*lock\.db\. Nothing was signalled/)
  assert.ok(isUntouched(foreign))
  await holder.kill()
  const free = down(folder.path)
  assert.equal(free.status, 0, free.stderr)
  assert.match(free.stdout, /no engine was running/)
  assert.ok(isUntouched(foreign))
  assert.ok(!existsSync(home.serviceFile), 'what nobody serves by is gone')
  removeService(home)
  assert.ok(readFileSync(home.secretsFile, 'utf8').length > 0)
})

test('a home whose lock was removed or damaged under a living service is not taken by a second one', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  await openSqliteStore(home.stateFile, { clock: { now: () => 1 } }).close()
  openSecrets(home)
  await using holder = runOther(
    import.meta.url,
    `import { openHome } from '../home/home.ts'
     import { lockHome, writeService } from '../home/lock.ts'
     import { ownIdentity } from '../host/service-process.ts'
     const home = openHome(${JSON.stringify(folder.path)})
     const lock = lockHome(home)
     writeService(home, { ...ownIdentity(), task: 'up', url: 'http://127.0.0.1:1', startedAt: 1 })
     console.log('held')
     setInterval(() => lock, 1000)`,
  )
  assert.equal(await holder.line(), 'held')
  for (const damage of [() => rmSync(home.lockFile), () => writeFileSync(home.lockFile, 'garbage'.repeat(200))]) {
    damage()
    const second = down(folder.path)
    assert.equal(second.status, 1, second.stderr)
    assert.match(second.stderr, new RegExp(`process ${holder.pid}`))
  }
  await holder.kill()
  assert.equal(down(folder.path).status, 0, 'what is left of a lock keeps nobody out')
})
