/** Every way in which a file can be damaged, shown to real engines: what they say is what `damagedFiles` goes by. */
import assert from 'node:assert/strict'
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readPersisted } from '../../controllers/groups/persisted.ts'
import type { NodePlan } from '../../ports/engine.ts'
import { installed, openYard, parametersFor, type Yard } from '../testing.ts'
import { damagedFiles, damageWords } from './damage.ts'

type Harm = (folder: string) => Promise<unknown>

/** What becomes of it: the engine names the files, or Larder sees by the format what the engine would pass over, or nothing is lost. */
type Outcome = 'engine says' | 'engine passes over' | 'loads'

const flip = async (path: string, share: number): Promise<void> => {
  await using file = await open(path, 'r+')
  const at = Math.floor((await file.stat()).size * share)
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 0x55]), 0, 1, at)
}
const part = async (folder: string, kind: 'base' | 'incr'): Promise<string> => {
  const names = await readdir(join(folder, 'appendonlydir'))
  return join(folder, 'appendonlydir', names.find((name) => name.includes(`.${kind}.`)) ?? '')
}
const shorten = async (path: string, size: (whole: number) => number): Promise<void> =>
  truncate(path, Math.floor(size((await stat(path)).size)))
const lengthen = async (path: string, bytes: number): Promise<void> => truncate(path, (await stat(path)).size + bytes)
const asFolder = async (path: string): Promise<void> => {
  await rm(path, { recursive: true })
  await mkdir(path)
}
const overwrite = async (path: string, text: string, share: number): Promise<void> => {
  const bytes = await readFile(path)
  bytes.write(text, Math.floor(bytes.length * share))
  await writeFile(path, bytes)
}
const manifest = (folder: string): string => join(folder, 'appendonlydir', 'appendonly.aof.manifest')
const rdb = (folder: string): string => join(folder, 'dump.rdb')

const dumps: readonly (readonly [string, Outcome, Harm])[] = [
  ['is cut off in the middle', 'engine says', (folder) => shorten(rdb(folder), (whole) => whole / 2)],
  ['has a flipped byte in the middle', 'engine says', (folder) => flip(rdb(folder), 0.5)],
  ['has a flipped byte in its checksum', 'engine says', (folder) => flip(rdb(folder), 0.9999)],
  ['is a file of another program', 'engine says', (folder) => writeFile(rdb(folder), 'SQLite format 3 and what follows')],
  ['is one byte long', 'engine says', (folder) => writeFile(rdb(folder), 'x')],
  ['is of a later version', 'engine says', (folder) => writeFile(rdb(folder), 'REDIS9999 and what follows')],
  ['is empty', 'engine says', (folder) => truncate(rdb(folder), 0)],
  ['is a folder', 'engine says', (folder) => asFolder(rdb(folder))],
]

const appendOnly: readonly (readonly [string, Outcome, Harm])[] = [
  ['has no manifest', 'engine passes over', (folder) => rm(manifest(folder))],
  ['has a manifest of garbage', 'engine says', (folder) => writeFile(manifest(folder), 'garbage garbage\n')],
  ['has an empty manifest', 'engine says', (folder) => truncate(manifest(folder), 0)],
  ['has a folder for a manifest', 'engine passes over', (folder) => asFolder(manifest(folder))],
  ['names a base that is missing', 'engine says', async (folder) => rm(await part(folder, 'base'))],
  ['names an increment that is missing', 'engine says', async (folder) => rm(await part(folder, 'incr'))],
  ['ends in the middle of a command', 'loads', async (folder) => shorten(await part(folder, 'incr'), (whole) => whole - 5)],
  [
    'has garbage in the middle',
    'engine says',
    async (folder) => overwrite(await part(folder, 'incr'), 'garbage '.repeat(20), 0.5),
  ],
  ['has zeros behind its last command', 'engine says', async (folder) => lengthen(await part(folder, 'incr'), 40)],
  ['is a file of another program', 'engine says', async (folder) => writeFile(await part(folder, 'incr'), 'SQLite format 3')],
  ['has a folder for an increment', 'engine says', async (folder) => asFolder(await part(folder, 'incr'))],
  ['has a base with a flipped byte', 'engine says', async (folder) => flip(await part(folder, 'base'), 0.9999)],
  ['has a base that is cut off', 'engine says', async (folder) => truncate(await part(folder, 'base'), 20)],
  ['has an empty base', 'engine passes over', async (folder) => truncate(await part(folder, 'base'), 0)],
  [
    'is a file and no folder',
    'engine says',
    async (folder) => {
      await rm(join(folder, 'appendonlydir'), { recursive: true })
      await writeFile(join(folder, 'appendonlydir'), 'x')
    },
  ],
]

/** A node that has written 400 keys, half of them after its log was written anew, and has ended. */
const written = async (yard: Yard, plan: NodePlan, append: boolean): Promise<void> => {
  const node = await yard.start(plan)
  const some = (name: string) =>
    Promise.all(Array.from({ length: 200 }, (_, at) => node.control.command(['SET', `${name}${at}`, `a value of ${name} ${at}`])))
  await some('first')
  if (append) {
    await node.control.command(['BGREWRITEAOF'])
    for (;;) {
      const info = String(await node.control.command(['INFO', 'persistence']))
      if (/aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info)) break
    }
  }
  await some('second')
  await node.control.shutdown({ save: !append })
  await node.exited
}

/** Starts on a harmed copy of the folder; resolves with what it said when it ended, or how many keys it has. */
const startOn = async (yard: Yard, plan: NodePlan): Promise<{ readonly keys: number } | { readonly log: string }> => {
  const logFile = join(plan.folder, 'engine.log')
  const read = async () => ({ log: await readFile(logFile, 'utf8') })
  let node: Awaited<ReturnType<Yard['start']>>
  try {
    node = await yard.start(plan)
  } catch {
    return read()
  }
  const ended = node.exited.then(read)
  for (;;) {
    // While it loads it answers with an error; one that ends meanwhile does not answer at all.
    const keys = await Promise.race([ended, node.control.command(['DBSIZE']).catch(() => null)])
    if (keys === null) {
      await delay(5)
      continue
    }
    await node.kill()
    return typeof keys === 'number' ? { keys } : ended
  }
}

for (const engine of installed('valkey', 'redis')) {
  for (const [what, cases, file] of [
    ['a dump that', dumps, 'dump.rdb'],
    ['an append-only file that', appendOnly, 'appendonlydir'],
  ] as const) {
    test(`${engine.engine} ${engine.version}: ${what} is damaged is told from one that is whole`, async (t) => {
      await using yard = await openYard()
      const append = file === 'appendonlydir'
      const whole = await yard.plan(engine, { parameters: parametersFor(engine, false, append ? { appendonly: 'yes' } : {}) })
      await written(yard, whole, append)
      assert.equal((await readPersisted(whole.folder, append)).flaw, undefined)
      for (const [how, outcome, harm] of cases) {
        await t.test(`${what} ${how}: ${outcome}`, async () => {
          const folder = `${whole.folder}-${cases.findIndex(([each]) => each === how)}`
          await cp(whole.folder, folder, { recursive: true })
          await rm(join(folder, 'engine.log'))
          await harm(folder)
          const seen = await readPersisted(folder, append)
          const found = await startOn(yard, { ...whole, folder, socket: `${whole.socket}2` })
          if (outcome === 'loads') {
            assert.equal(seen.flaw, undefined)
            assert.ok('keys' in found && found.keys >= 390, JSON.stringify(found))
          } else if (outcome === 'engine passes over') {
            assert.equal(seen.flaw, 'incomplete')
            if ('keys' in found) assert.ok(found.keys < 400, 'part of it is missing')
            else assert.deepEqual(damagedFiles(found.log), [file], found.log)
          } else {
            assert.ok('log' in found, JSON.stringify(found))
            assert.deepEqual(damagedFiles(found.log), [file], found.log)
            assert.match(damageWords(found.log), /\w/)
          }
        })
      }
    })
  }

  test(`${engine.engine} ${engine.version}: a nodes.conf that it cannot read is named`, async () => {
    await using yard = await openYard()
    const plan = await yard.plan(engine, { kind: 'cme' })
    await (await yard.start(plan)).kill()
    for (const [at, harm] of [
      (folder: string) => writeFile(join(folder, 'nodes.conf'), 'garbage\n'),
      (folder: string) => shorten(join(folder, 'nodes.conf'), (whole) => whole / 2),
      (folder: string) => asFolder(join(folder, 'nodes.conf')),
    ].entries()) {
      const folder = `${plan.folder}-${at}`
      await cp(plan.folder, folder, { recursive: true })
      await rm(join(folder, 'engine.log'))
      await harm(folder)
      const found = await startOn(yard, { ...plan, folder, socket: `${plan.socket}2` })
      assert.ok('log' in found)
      assert.deepEqual(damagedFiles(found.log), ['nodes.conf'], found.log)
    }
  })

  test(`${engine.engine} ${engine.version}: what is no fault of its files is not taken for one`, async () => {
    await using yard = await openYard()
    const first = await yard.plan(engine)
    const holder = await yard.start(first)
    const others: readonly (readonly [string, NodePlan])[] = [
      ['a port that is taken', { ...(await yard.plan(engine)), address: first.address }],
      ['an option that it does not know', { ...(await yard.plan(engine)), parameters: { 'maxmemory-policy': 'nonsense' } }],
      ['a socket that it cannot make', { ...(await yard.plan(engine)), socket: '/nowhere/at/all.sock' }],
    ]
    for (const [what, plan] of others) {
      const found = await startOn(yard, plan).catch(() => ({ log: '' }))
      if ('log' in found) assert.equal(damagedFiles(found.log), null, what)
    }
    await holder.kill()
  })
}

test('words of an earlier start, or of a copy that broke off, are not those of this one', () => {
  const starting = '7:C 30 Nov 2026 16:52:38.011 * oO0OoO0OoO0Oo Valkey is starting oO0OoO0OoO0Oo\n'
  const cut = '7:M 30 Nov 2026 16:52:38.043 # Short read or OOM loading DB. Unrecoverable error, aborting now.\n'
  const ready = '7:M 30 Nov 2026 16:52:38.043 * Ready to accept connections tcp\n'
  assert.deepEqual(damagedFiles(starting + cut), ['dump.rdb'])
  assert.equal(damagedFiles(starting + cut + starting), null)
  assert.equal(damagedFiles(starting + ready + cut), null)
  assert.deepEqual(
    damagedFiles(`${starting}7:M 30 Nov 2026 16:52:38.043 # Fatal error loading the DB: Permission denied. Exiting.`),
    ['dump.rdb'],
  )
  for (const reason of ['No space left on device', 'Cannot allocate memory'])
    assert.equal(damagedFiles(`${starting}7:M 30 Nov 2026 16:52:38.043 # Fatal error loading the DB: ${reason}. Exiting.`), null)
})
