import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import { openHome } from './home.ts'
import { lockHome, removeService, runningService, writeService } from './lock.ts'
import { type OtherProcess, runOther, temporaryFolder } from './testing.ts'

const holder = (path: string): OtherProcess =>
  runOther(
    import.meta.url,
    `import { openHome } from './home.ts'
     import { lockHome, writeService } from './lock.ts'
     const home = openHome(${JSON.stringify(path)})
     const lock = lockHome(home)
     writeService(home, { pid: process.pid, url: 'http://127.0.0.1:4566', startedAt: 1 })
     console.log('held')
     process.on('SIGTERM', () => { lock.release(); process.exit() })
     setInterval(() => lock, 1000)`,
  )

const isBusy = (error: unknown): boolean => error instanceof LarderError && error.code === 'store-busy'

test('a second service is refused with the process and the address of the first, and may start after its death', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  await using other = holder(folder.path)
  assert.equal(await other.line(), 'held')
  assert.throws(
    () => lockHome(home),
    (error) => isBusy(error) && String(error).includes(`process ${other.pid} at http://127.0.0.1:4566`),
  )
  assert.equal(runningService(home)?.pid, other.pid)
  await other.kill()
  assert.equal(runningService(home), null, 'its record is there, and nobody holds the lock')
  const lock = lockHome(home)
  lock.release()
})

test('whoever ends just now is waited for', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  await using other = holder(folder.path)
  assert.equal(await other.line(), 'held')
  process.kill(other.pid, 'SIGTERM')
  lockHome(home).release()
})

test('a lock that was given back can be taken again by the same process', () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  lockHome(home).release()
  const lock = lockHome(home)
  assert.throws(() => lockHome(home), isBusy)
  lock.release()
})

test('who serves is told while it serves, and not after', () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  assert.equal(runningService(home), null)
  const lock = lockHome(home)
  const info = { pid: process.pid, url: 'http://127.0.0.1:1', startedAt: 5 }
  writeService(home, info)
  assert.deepEqual(runningService(home), info)
  removeService(home)
  assert.equal(runningService(home), null)
  lock.release()
})

test('a record of something else is named while somebody holds the lock, and means nothing when nobody does', () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  const record = { pid: process.pid, url: null, startedAt: 1 }
  const damaged = ['', '{', '[]', '{"pid":"1"}', ...[0, -1, 1, 1.5].map((pid) => JSON.stringify({ ...record, pid }))]
  for (const text of damaged) {
    writeFileSync(home.serviceFile, text)
    assert.equal(runningService(home), null, text)
    const lock = lockHome(home)
    assert.throws(() => runningService(home), { code: 'store-corrupt', message: /service\.json/ }, text)
    assert.throws(() => lockHome(home), isBusy)
    lock.release()
  }
})
