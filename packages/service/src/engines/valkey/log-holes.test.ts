/** An append-only file on a disk that was full for a while, shown by real engines on a small disk of their own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { closeHoles } from '../../controllers/groups/log-holes.ts'
import { until } from '../../testing/busy-machine.ts'
import { bothWays, installed, openYard, parametersFor, type RunningNode, titleOf, type Yard } from '../testing.ts'
import { damagedFiles } from './damage.ts'
import { encodeCommand } from './resp.ts'

const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOSPC'

/** Takes every page that is left: what an engine writes next has the rest of its last page alone, and so finds room for a part. */
const fill = (file: string): void => {
  const descriptor = openSync(file, 'w', 0o600)
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(4_096))
  } catch (error) {
    if (!isFull(error)) throw error
  } finally {
    closeSync(descriptor)
  }
}

const word = (node: RunningNode, ...words: readonly string[]): Promise<unknown> => node.control.command(words)

const infoOf = async (node: RunningNode): Promise<string> => String(await word(node, 'INFO', 'persistence'))

const logs = (folder: string): readonly string[] => {
  const place = join(folder, 'appendonlydir')
  return readdirSync(place)
    .filter((name) => name.includes('.incr.'))
    .map((name) => join(place, name))
}

interface Scene {
  readonly yard: Yard
  readonly node: RunningNode
  readonly acknowledged: string[]
  /** One write; false: refused. */
  write(): Promise<boolean>
  /** The disk is full until writes have been refused, and then has room until one is taken. */
  fullForAWhile(): Promise<void>
}

const onSmallDisk = async (
  t: TestContext,
  engine: ReturnType<typeof installed>[number],
  run: (scene: Scene) => Promise<void>,
): Promise<void> => {
  await using yard = await openYard()
  const plan = await yard.plan(engine, { parameters: parametersFor(engine, false, { appendonly: 'yes' }) })
  mkdirSync(plan.folder, { recursive: true, mode: 0o700 })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'none', plan.folder]).status !== 0)
    return t.skip('a small disk can be made by root alone')
  try {
    const node = await yard.start(plan)
    const acknowledged: string[] = []
    let last = 0
    const write = async (): Promise<boolean> => {
      last += 1
      const answer = await word(node, 'SET', `key-${last}`, `a value of key ${last} ${'x'.repeat(last % 90)}`).catch(
        (error: unknown) => String(error),
      )
      if (answer === 'OK') acknowledged.push(`key-${last}`)
      return answer === 'OK'
    }
    const fullForAWhile = async (): Promise<void> => {
      const ballast = join(plan.folder, 'ballast')
      fill(ballast)
      await until('writes are refused', async () => !(await write()))
      // Refused writes have left the part that found room; it is cut off again each second.
      await until('the engine has tried again', async () => /aof_last_write_status:err/.test(await infoOf(node)))
      rmSync(ballast)
      await until('there is room again', write)
      for (let more = 0; more < 30; more += 1) assert.ok(await write())
    }
    for (let more = 0; more < 30; more += 1) assert.ok(await write())
    await word(node, 'BGREWRITEAOF')
    await until('the log is written anew', async () =>
      /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await infoOf(node)),
    )
    for (let more = 0; more < 30; more += 1) assert.ok(await write())
    await run({ yard, node, acknowledged, write, fullForAWhile })
  } finally {
    spawnSync('umount', ['-l', plan.folder]) // what still runs there ends with the yard
  }
}

const present = async (node: RunningNode, keys: readonly string[]): Promise<number> => {
  await until('it has loaded', async () => /^loading:0/m.test(await infoOf(node)))
  return Number(await word(node, 'EXISTS', ...keys))
}

for (const engine of await bothWays(installed('valkey', 'redis'))) {
  const guarded = engine.controlModule !== undefined
  if (guarded) {
    test(`${titleOf(engine)}: a disk that was full three times leaves an append-only file with everything in it`, (t) =>
      onSmallDisk(t, engine, async ({ yard, node, acknowledged, fullForAWhile }) => {
        for (let time = 0; time < 3; time += 1) await fullForAWhile()
        await node.kill()
        for (const path of logs(node.plan.folder)) assert.equal(readFileSync(path).indexOf(0), -1, `${path} has a hole`)
        const again = await yard.start(node.plan)
        assert.equal(await present(again, acknowledged), acknowledged.length)
      }))
  } else {
    test(`${titleOf(engine)}, without the module: the hole that a full disk leaves is closed, and everything loads`, (t) =>
      onSmallDisk(t, engine, async ({ yard, node, acknowledged, fullForAWhile }) => {
        await fullForAWhile()
        await node.kill()
        // It may answer once before it ends.
        await yard.start(node.plan).then(
          ({ exited }) => exited,
          () => undefined, // what it said is looked at below
        )
        const said = readFileSync(join(node.plan.folder, 'engine.log'), 'utf8')
        assert.match(said, /Bad file format reading the append only file/)
        assert.deepEqual(damagedFiles(said), ['appendonlydir'])
        assert.equal(await closeHoles(join(node.plan.folder, 'appendonlydir')), 1)
        const again = await yard.start(node.plan)
        assert.equal(await present(again, acknowledged), acknowledged.length)
      }))
  }

  if (!guarded) {
    test(`${titleOf(engine)}: holes of every length are closed in a way that it loads`, async () => {
      await using yard = await openYard()
      const plan = await yard.plan(engine, { parameters: parametersFor(engine, false, { appendonly: 'yes' }) })
      const first = await yard.start(plan)
      await word(first, 'SET', 'first', 'x')
      await first.kill()
      const [path = ''] = logs(plan.folder)
      const lengths = [1, 2, 3, 4, 97, 511, 512, 513, 514, 515, 516, 1_023, 1_024, 1_025, 4_095, 5_000]
      const parts = lengths.map((length) => `${'\0'.repeat(length)}${encodeCommand(['SET', `after-${length}`, 'x\0'])}`)
      writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from(parts.join(''), 'latin1')]))
      const { length: before } = readFileSync(path)
      assert.equal(await closeHoles(join(plan.folder, 'appendonlydir')), lengths.length)
      assert.equal(readFileSync(path).length, before)
      const again = await yard.start(plan)
      assert.equal(await present(again, ['first', ...lengths.map((length) => `after-${length}`)]), lengths.length + 1)
      assert.equal(await word(again, 'STRLEN', 'after-1'), 2)
    })
  }
}

const set = (key: string, value = 'v'): string => encodeCommand(['SET', key, value])
const hole = '\0'.repeat(40)

/** What stands in the file, and how many holes of it are closed. */
const files: readonly (readonly [string, string, number])[] = [
  ['whole', set('a') + set('b'), 0],
  ['empty', '', 0],
  ['zeros in values alone', set('a', hole) + set('b'), 0],
  ['a hole at its front', hole + set('a'), 1],
  ['a hole between commands', set('a') + hole + set('b'), 1],
  ['a hole before a comment', `${set('a')}\0\0#TS:1700000000\r\n${set('b')}`, 1],
  ['a hole, and a last command that is cut off', set('a') + hole + set('b') + set('c').slice(0, -4), 1],
  ['a hole, and a last command of which three bytes are there', set('a') + hole + set('b') + set('c').slice(0, 3), 1],
  ['a value longer than what is read at once', set('a', 'x'.repeat(3_000_000)) + hole + set('b'), 1],
  ['a hole within a command', set('a') + set('b').slice(0, -6) + hole + set('c'), 0],
  ['a hole within a value, which is as long as it says', set('a', `x${hole}y`) + hole + set('b'), 1],
  ['nothing behind its zeros', set('a') + hole, 0],
  ['a hole, and garbage further on', `${set('a')}${hole}${set('b')}garbage garbage\r\n${set('c')}`, 0],
  ['no end of a line', set('a') + hole + 'x'.repeat(5_000), 0],
  ['zeros alone', hole, 0],
]

test('holes between whole commands are closed; a file that is wrong in another way is left as it is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'appendonly.aof.2.incr.aof')
  for (const [what, text, closed] of files) {
    await writeFile(path, text, 'latin1')
    await writeFile(join(folder, 'appendonly.aof.2.base.rdb'), `REDIS${hole}`)
    assert.equal(await closeHoles(folder), closed, what)
    const after = await readFile(path, 'latin1')
    assert.equal(after.length, text.length, what)
    if (closed === 0) assert.equal(after, text, what)
    else {
      assert.equal(await closeHoles(folder), 0, `${what}: nothing is left to do`)
      assert.equal(after.includes(hole), text.includes(`x${hole}y`), what)
    }
    assert.equal(await readFile(join(folder, 'appendonly.aof.2.base.rdb'), 'latin1'), `REDIS${hole}`)
  }
  assert.equal(await closeHoles(join(folder, 'nowhere')), 0)
})
