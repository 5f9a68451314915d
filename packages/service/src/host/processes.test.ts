import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LarderError } from '../errors.ts'
import type { ProcessIdentity } from '../model/group.ts'
import type { Host, Launch } from '../ports/host.ts'
import { startStopwatch, until } from '../testing/busy-machine.ts'
import { createLinuxHost } from './linux.ts'
import { readStat } from './proc.ts'

let folder = ''
let host: Host = createLinuxHost()
let started: ProcessIdentity[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-host-'))
  host = createLinuxHost()
  started = []
})

afterEach(async () => {
  for (const identity of [...started, ...(await host.findByTag(`${folder}/`))]) {
    if (readStat(identity.pid)?.startTime === identity.startTime) process.kill(identity.pid, 'SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
})

const launchOf = (name: string, script: string): Launch => {
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, script)
  return {
    command: [process.execPath, file],
    environment: { MARK: 'set' },
    cwd: folder,
    logFile: join(folder, `${name}.log`),
    tag: file,
  }
}

const idle = 'setInterval(() => undefined, 1e6)'

const start = async (launch: Launch): Promise<ProcessIdentity> => {
  const identity = await host.start(launch)
  started.push(identity)
  return identity
}

const soon = (): AbortSignal => AbortSignal.timeout(5_000)

test('a process has the files open that it was started with, and takes the name for its own that it was given', async () => {
  const shown = "fs.readFileSync('/proc/self/fd/3', 'utf8') + fs.readFileSync('/proc/self/fd/4', 'utf8') + ' ' + process.argv0"
  const launch = launchOf('opened', `import fs from 'node:fs'; console.log(${shown}); ${idle}`)
  const opened = ['one', 'two'].map((name) => {
    writeFileSync(join(folder, name), name)
    return join(folder, name)
  })
  await start({ ...launch, opened, name: '/known-as' })
  await until('it has read both', async () => (await host.tail(launch.logFile, 1_000)).includes('onetwo /known-as'))
})

test('a started process runs in a session of its own, with its output in a private file and no more than the given environment', async () => {
  const launch = launchOf('talk', `console.log(JSON.stringify(process.env)); console.error('told'); ${idle}`)
  const identity = await start(launch)
  assert.equal(await host.check(identity, launch.tag), 'running')
  assert.equal(readStat(identity.pid)?.session, identity.pid)
  await until('both streams are in the log', async () => (await host.tail(launch.logFile, 1_000)).includes('told'))
  assert.deepEqual(JSON.parse(readFileSync(launch.logFile, 'utf8').split('\n')[0] ?? ''), { MARK: 'set' })
  assert.equal(statSync(launch.logFile).mode & 0o777, 0o600)
  assert.deepEqual(await host.findByTag(launch.tag), [identity])
})

test('a log that begins anew keeps that of the process before', async () => {
  const launch = { ...launchOf('talk', 'console.log(process.pid)'), freshLog: true }
  const said: string[] = []
  for (let turn = 0; turn < 3; turn += 1) {
    const identity = await start(launch)
    await host.waitGone(identity, soon())
    said.push(readFileSync(launch.logFile, 'utf8'))
    assert.equal(said[turn], `${identity.pid}\n`)
  }
  assert.equal(readFileSync(`${launch.logFile}.before`, 'utf8'), said[1])
})

test('many processes that are started at once are each known by their own tag from the first moment', async () => {
  const launches = Array.from({ length: 8 }, (_, index) => launchOf(`node-${index}`, idle))
  const found = await Promise.all(
    launches.map(async (launch) => {
      const identity = await start(launch)
      return [await host.check(identity, launch.tag), await host.findByTag(launch.tag), identity] as const
    }),
  )
  for (const [check, byTag, identity] of found) {
    assert.equal(check, 'running')
    assert.deepEqual(byTag, [identity])
  }
})

test('a program that is not there is an error that names it', async () => {
  const launch = { ...launchOf('none', ''), command: ['/nowhere/engine', join(folder, 'none.mjs')] }
  await assert.rejects(host.start(launch), (error) => {
    assert.ok(error instanceof LarderError)
    assert.equal(error.code, 'engine-start')
    assert.match(error.message, /\/nowhere\/engine/)
    return true
  })
})

test('a process that ends at once still has an identity, and is gone', async () => {
  const launch = { ...launchOf('brief', ''), command: ['/bin/true', join(folder, 'brief.mjs')] }
  const identity = await start(launch)
  await host.waitGone(identity, soon())
  assert.equal(await host.check(identity, launch.tag), 'gone')
  assert.equal(await host.sample(identity), null)
})

test('the end of a process that was started here is known within milliseconds', async () => {
  const launch = launchOf('short', idle)
  const identity = await start(launch)
  const waiting = host.waitGone(identity, soon())
  using since = startStopwatch()
  assert.equal(await host.signal(identity, launch.tag, 'SIGKILL'), true)
  await waiting
  assert.ok(since.ms() < 500)
  assert.equal(await host.check(identity, launch.tag), 'gone')
  assert.equal(await host.signal(identity, launch.tag, 'SIGKILL'), false)
})

test('a process started by a service that was killed goes on, and another host adopts, watches and ends it', async () => {
  const launch = launchOf('orphan', idle)
  const service = join(folder, 'service.ts')
  writeFileSync(
    service,
    `import { createLinuxHost } from ${JSON.stringify(fileURLToPath(new URL('./linux.ts', import.meta.url)))}
     const identity = await createLinuxHost().start(${JSON.stringify(launch)})
     console.log(JSON.stringify(identity))
     setInterval(() => undefined, 1e6)`,
  )
  const parent = spawn(process.execPath, [service], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const identity = JSON.parse(line.toString()) as ProcessIdentity
  started.push(identity)
  parent.kill('SIGKILL')
  await once(parent, 'exit')

  assert.equal(await host.check(identity, launch.tag), 'running')
  assert.deepEqual(await host.findByTag(launch.tag), [identity])
  const waiting = host.waitGone(identity, soon())
  assert.equal(await host.signal(identity, launch.tag, 'SIGTERM'), true)
  await waiting
  assert.equal(await host.check(identity, launch.tag), 'gone')
})

test('a zombie is gone', async () => {
  const parent = launchOf('parent', '')
  const child = join(folder, 'child-marker')
  // The shell becomes a program that never reaps its child.
  const identity = await start({ ...parent, command: ['/bin/sh', '-c', `/bin/true ${child} & exec sleep 1000`, parent.tag] })
  const childOf = (): number => Number(readFileSync(`/proc/${identity.pid}/task/${identity.pid}/children`, 'utf8').trim())
  await until('the child is a zombie', () => readStat(childOf())?.state === 'Z')
  const zombie = { pid: childOf(), startTime: readStat(childOf())?.startTime ?? '', bootId: identity.bootId }
  assert.equal(await host.check(zombie, child), 'gone')
  await host.waitGone(zombie, soon())
  process.kill(identity.pid, 'SIGKILL')
})

/** A process that does nothing but wait, from its first output on. */
const waiting = async (name: string): Promise<{ readonly launch: Launch; readonly identity: ProcessIdentity }> => {
  const launch = launchOf(name, 'a line for tail')
  const sleeping = { ...launch, command: ['tail', '-f', launch.tag] }
  const identity = await start(sleeping)
  await until('it waits', async () => (await host.tail(launch.logFile, 100)) !== '' && readStat(identity.pid)?.state === 'S')
  return { launch, identity }
}

test('another process under the same pid is a stranger, and is not signalled', async () => {
  const { launch, identity } = await waiting('mine')
  const reused = { ...identity, startTime: String(Number(identity.startTime) - 1) }
  assert.equal(await host.check(reused, launch.tag), 'stranger')
  assert.equal(await host.check(identity, join(folder, 'other.mjs')), 'stranger')
  assert.equal(await host.signal(reused, launch.tag, 'SIGKILL'), false)
  assert.equal(await host.signal(identity, join(folder, 'other.mjs'), 'SIGKILL'), false)
  assert.equal(await host.check(identity, launch.tag), 'running')
  await host.waitGone(reused, soon())
})

test('a process is not taken for another one while it writes its command line', async () => {
  const launch = launchOf('busy', "process.title = ' '; console.log('written'); for (;;);")
  const { pid, ...rest } = await start(launch)
  await until('it has written', async () => (await host.tail(launch.logFile, 100)).includes('written'))
  assert.equal(await host.check({ pid, ...rest }, launch.tag), 'running')
  process.kill(pid, 'SIGSTOP')
  await until('it has stopped', () => readStat(pid)?.state === 'T')
  assert.equal(await host.check({ pid, ...rest }, launch.tag), 'running')
})

test('somebody who merely looks at a file of a node is not taken for its process', async () => {
  const launch = launchOf('looked-at', idle)
  const identity = await start(launch)
  const pager = spawn('tail', ['-f', launch.tag], { stdio: ['ignore', 'pipe', 'ignore'] })
  const detachedPager = spawn('tail', ['-f', launch.tag], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  try {
    await Promise.all([once(pager.stdout, 'data'), once(detachedPager.stdout, 'data')])
    assert.deepEqual(await host.findByTag(launch.tag), [identity])
  } finally {
    pager.kill('SIGKILL')
    detachedPager.kill('SIGKILL')
  }
})

test('waiting for the end of a process stops with the reason of the signal', async () => {
  const launch = launchOf('lasting', idle)
  const identity = await start(launch)
  const reason = new Error('enough')
  for (const waiter of [host, createLinuxHost()]) {
    const abort = new AbortController()
    const waiting = waiter.waitGone(identity, abort.signal)
    abort.abort(reason)
    await assert.rejects(waiting, reason)
  }
})

test('a stopped process is told from a busy one', async () => {
  const launch = launchOf('busy', 'for (;;) Math.random()')
  const identity = await start(launch)
  await until('it has spent CPU time', async () => ((await host.sample(identity))?.runtimeNs ?? 0) > 50_000_000)
  await host.signal(identity, launch.tag, 'SIGSTOP')
  await until('it is stopped', async () => (await host.sample(identity))?.state === 'T')
  assert.equal(await host.check(identity, launch.tag), 'running')
  await host.signal(identity, launch.tag, 'SIGCONT')
  await until('it goes on', async () => (await host.sample(identity))?.state !== 'T')
})
