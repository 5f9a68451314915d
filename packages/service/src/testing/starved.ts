/**
 * Run by `starved.test.ts` in a process that may open few files: `starved.ts FOLDER SOCKET`. It makes what a service has open, takes the
 * descriptors that are left but for a few, calls everything in the service that needs some, and calls it again when they are free. Printed
 * is, as one JSON object, what came of each call, and whatever nobody caught.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import { createApiServer } from '../api/server.ts'
import { testContext } from '../api/services/elasticache/test-context.ts'
import { unaudited, verifierAt } from '../api/testing.ts'
import { readPersisted } from '../controllers/groups/persisted.ts'
import { outputOf } from '../engines/install-command.ts'
import { openConnection } from '../engines/valkey/connection.ts'
import { isObject, readJsonFile, writePrivateFile } from '../home/files.ts'
import { openHome } from '../home/home.ts'
import { lockHome, runningService } from '../home/lock.ts'
import { openSealKey } from '../home/seal-key.ts'
import { openSecrets } from '../home/secrets.ts'
import { createLinuxHost } from '../host/linux.ts'
import { openLoginSocket } from '../host/login-socket.ts'
import { runTool } from '../host/tool.ts'
import { type AuditRecord, createAudit } from '../observe/audit.ts'
import { bounds, openLines } from '../observe/lines.ts'
import { createLog } from '../observe/log.ts'
import { put } from '../ports/records.ts'
import { openAuthority } from '../security/tls/authority.ts'
import { createMemoryStore } from '../store/memory.ts'
import { openSqliteStore } from '../store/sqlite.ts'

const [folder = '', engineSocket = ''] = process.argv.slice(2)
const hangsMs = 10_000

const uncaught: string[] = []
process.on('uncaughtException', (error) => uncaught.push(String(error.stack)))
process.on('unhandledRejection', (error) => uncaught.push(error instanceof Error ? String(error.stack) : String(error)))

const home = openHome(join(folder, 'home'))
const clock = { now: () => Date.now(), sleep: async () => undefined }
const lines = openLines(join(folder, 'lines'), bounds.log).append
const log = createLog(lines, clock.now)
const store = openSqliteStore(home.stateFile, { clock })
const lock = lockHome(home)
const host = createLinuxHost()
const authority = openAuthority(home.tlsFolder, clock.now)
openSecrets(home)
openSealKey(home, {})
writeFileSync(join(folder, 'dump.rdb'), 'REDIS0011')
mkdirSync(join(folder, 'some'))

const start = async (name: string) => {
  const tag = join(folder, name)
  const command = ['/bin/sh', '-c', 'sleep 60; :', tag]
  return { tag, identity: await host.start({ command, tag, environment: {}, cwd: folder, logFile: join(folder, 'log') }) }
}
const running = await start('running')
/** Another view of the machine, for which it is no child: its end is looked for in /proc. */
const stranger = createLinuxHost()

const logins = await openLoginSocket(join(folder, 'logins'), async () => true, log)
const api = createApiServer({
  verifier: verifierAt(clock.now),
  actions: {},
  context: () => testContext(createMemoryStore()),
  ...unaudited,
  metrics: async () => '',
  log,
})
const port = await api.listen('127.0.0.1', 0)
const audit = createAudit({ audit: lines, rejected: lines }, clock.now, log)
const record: AuditRecord = {
  ...{ arn: null, accessKeyId: null, action: null, resources: [], region: null, sourceAddress: null, userAgent: null },
  decision: 'unauthenticated',
  errorCode: null,
  requestId: 'x',
}

let number = 0
const fresh = (): string => {
  number += 1
  return join(folder, `fresh-${number}`)
}

/** Everything in the service that opens something, by its name. */
const calls: Readonly<Record<string, () => unknown>> = {
  'run a tool': () => runTool(['true'], { deadlineMs: 5_000 }),
  'run a tool with input': () => runTool(['cat'], { deadlineMs: 5_000, input: 'x' }),
  'run a tool of the installation': () => outputOf('true', [], 'trying'),
  'start a process': async () => {
    const { identity, tag } = await start(basename(fresh()))
    await host.signal(identity, tag, 'SIGKILL')
    await host.waitGone(identity, AbortSignal.timeout(hangsMs))
  },
  'check a process': async () => {
    if ((await host.check(running.identity, running.tag)) !== 'running') throw new Error('a living process was taken for another')
  },
  'wait for a process': () =>
    stranger.waitGone(running.identity, AbortSignal.timeout(50)).then(
      () => {
        throw new Error('a living process was taken for gone')
      },
      (error: unknown) => {
        if (!(error instanceof Error && error.name === 'TimeoutError')) throw error
      },
    ),
  'find processes': async () => {
    if ((await host.findByTag(running.tag)).length === 0) throw new Error('a living process was not found')
  },
  'sample a process': () => host.sample(running.identity),
  'write a file': () => host.writeFile(fresh(), 'x'),
  'read a file': () => host.readFile(join(folder, 'dump.rdb')),
  'read the end of a file': () => host.tail(join(folder, 'dump.rdb'), 4),
  'make a folder': () => host.makeFolder(fresh()),
  'list a folder': () => host.listFolder(folder),
  'remove a folder': () => host.removeFolder(join(folder, 'none')),
  'remove a file': () => host.removeFile(join(folder, 'none')),
  'look for a free address': async () => {
    if (!(await host.isFree('127.0.0.1', 0))) throw new Error('a free address was taken for used')
  },
  'connect to an engine': async () => (await openConnection(engineSocket, { user: 'x', password: 'y' }, 1_000)).close(),
  'read what a node left': () => readPersisted(folder, true),
  'write to the store': () => store.transact([], [put('a/b', { at: number })]),
  'read from the store': () => store.list('a/'),
  'open a store to read it': () => openSqliteStore(home.stateFile, { clock, readOnly: true }).close(),
  'write a file of the home': () => writePrivateFile(join(folder, 'private.json'), '{}'),
  'read a file of the home': () => readJsonFile(join(folder, 'home', 'secrets.json'), isObject, 'secrets'),
  'look who serves': () => runningService(home),
  'read the key': () => openSealKey(home, {}),
  'open the authority': () => openAuthority(home.tlsFolder, clock.now).prepare(),
  'issue a certificate': () => authority.issue('x', ['127.0.0.1']),
  'write a line of the log': () => log('info', 'x'),
  'write a line of the audit': () => audit(record),
  'ask the API': async () => {
    if (!(await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' } })).ok) throw new Error('not ok')
  },
}

const outcome = async (call: () => unknown): Promise<string> => {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve('hangs'), hangsMs)
  const result = (async () => {
    try {
      await call()
      return 'ok'
    } catch (error) {
      return `${error instanceof Error ? `${'code' in error ? `${error.code} ` : ''}${error.message}` : error}`
    }
  })()
  const text = await Promise.race([result, late.promise])
  clearTimeout(timer)
  return text
}

const taken: number[] = []
const takeAllBut = (left: number): void => {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    for (const descriptor of taken.splice(0, left)) closeSync(descriptor)
  }
}
const letGo = (): void => {
  for (const descriptor of taken.splice(0)) closeSync(descriptor)
}

/** `left`: descriptors that each call finds; null: as many as there are. */
const callAll = async (left: number | null): Promise<Readonly<Record<string, string>>> => {
  const results: Record<string, string> = {}
  for (const [name, call] of Object.entries(calls)) {
    if (left !== null) takeAllBut(left)
    results[name] = await outcome(call)
  }
  return results
}

/** More connections than there are descriptors for: they are accepted by nobody. */
const crowd = async (): Promise<readonly Socket[]> => {
  const sockets = Array.from({ length: 4 }, (_, index) =>
    connect(index % 2 === 0 ? { path: join(folder, 'logins') } : { host: '127.0.0.1', port }),
  )
  // The kernel connects them, whether anybody accepts them or not.
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.on('connect', resolve).on('close', () => resolve())
          socket.on('error', () => socket.destroy())
        }),
    ),
  )
  return sockets
}

const before = await callAll(null)
const starved: Record<string, Readonly<Record<string, string>>> = {}
for (const left of [0, 1, 2, 3, 4, 6, 8]) {
  starved[left] = await callAll(left)
  takeAllBut(4)
  for (const socket of await crowd()) socket.destroy()
  letGo()
}
const after = await callAll(null)

writeSync(1, JSON.stringify({ before, starved, after, uncaught }))
await host.signal(running.identity, running.tag, 'SIGKILL')
await logins.close()
await api.close()
await store.close()
lock.release()
process.exit(0)
