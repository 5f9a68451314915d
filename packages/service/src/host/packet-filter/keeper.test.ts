/** What is flushed while Larder is away is put back, by the real nft in a table of each test's own. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../../testing/busy-machine.ts'
import { createLinuxHost } from '../linux.ts'
import { applyRules } from '../nftables.ts'
import { removalText } from '../nftables-rules.ts'
import { canUseNftables } from '../nftables-try.ts'
import { readCommandLine } from '../proc.ts'
import { nft, openTestFilter } from '../testing.ts'

const capability = await canUseNftables(nft)
const skip = capability.ok ? false : `needs nftables: ${capability.reason}`
const host = createLinuxHost()

interface World {
  readonly home: string
  readonly table: string
  /** A Larder of its own that has put these rules in force; resolves when its keeper waits. */
  start(comment: string): Promise<ChildProcess>
  /** Kills it, and sees it gone. */
  kill(larder: ChildProcess): Promise<void>
  comment(): string | null
  remove(): Promise<void>
  keepers(): Promise<number>
}

const content = (table: string, comment: string) => ({
  text: `${removalText(table)}table ip ${table} {\n  chain a {\n    counter comment "of ${comment}"\n  }\n}\n`,
  note: comment,
})

const inWorld = (name: string, body: (world: World) => Promise<void>): void => {
  test(name, { skip }, async () => {
    const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
    const table = `larder_test_${randomBytes(4).toString('hex')}`
    const started: ChildProcess[] = []
    const file = join(home, 'packet-filter', 'keeper.sh')
    const module = JSON.stringify(fileURLToPath(new URL('../testing.ts', import.meta.url)))
    const kill = async (larder: ChildProcess): Promise<void> => {
      if (larder.exitCode !== null || larder.signalCode !== null) return
      larder.kill('SIGKILL')
      await once(larder, 'exit')
    }
    const keepers = async (): Promise<number> => (await host.findByTag(file)).length
    try {
      await body({
        home,
        table,
        kill,
        keepers,
        start: async (comment) => {
          const script = join(home, `larder-${comment}.ts`)
          writeFileSync(
            script,
            `import { openTestFilter } from ${module}
             const filter = await openTestFilter(${JSON.stringify(home)}, new AbortController().signal)
             filter.watch()
             await filter.put(${JSON.stringify(table)}, ${JSON.stringify(content(table, comment))})
             console.log('in force')
             setInterval(() => undefined, 1e6)`,
          )
          const before = (await host.findByTag(file)).map(({ pid }) => pid)
          const larder = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
          started.push(larder)
          await once(larder.stdout, 'data')
          await until('a keeper waits', async () => {
            const now = await host.findByTag(file)
            return now.length === 1 && !before.includes(now[0]?.pid ?? 0)
          })
          return larder
        },
        comment: () => {
          const [program = '', ...args] = nft
          try {
            const text = execFileSync(program, [...args, 'list', 'table', 'ip', table], { encoding: 'utf8', stdio: 'pipe' })
            return /comment "of (\w+)"/.exec(text)?.[1] ?? null
          } catch (error) {
            if (error instanceof Error && 'status' in error) return null
            throw error
          }
        },
        remove: () => applyRules(nft, removalText(table)),
      })
    } finally {
      for (const larder of started) await kill(larder)
      for (const { pid } of await host.findByTag(file)) process.kill(-pid, 'SIGKILL')
      await applyRules(nft, removalText(table))
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    }
  })
}

inWorld('a keeper waits while Larder lives, in little memory and without any work', async ({ start, keepers, home }) => {
  await start('one')
  assert.equal(await keepers(), 1)
  const [keeper] = await host.findByTag(join(home, 'packet-filter', 'keeper.sh'))
  const sample = keeper === undefined ? null : await host.sample(keeper)
  assert.ok((sample?.residentBytes ?? Number.POSITIVE_INFINITY) < 8_000_000, `${sample?.residentBytes}`)
  const again = keeper === undefined ? null : await host.sample(keeper)
  assert.equal(again?.runtimeNs, sample?.runtimeNs)
})

inWorld('rules that go while Larder is dead are put back, again and again', async ({ start, kill, comment, remove }) => {
  await kill(await start('one'))
  for (let time = 0; time < 5; time += 1) {
    await remove()
    await until('they are back', () => comment() === 'one', 10_000)
  }
})

inWorld(
  'the next Larder ends the keeper of before, and what it changes stays so',
  async ({ start, kill, comment, remove, keepers }) => {
    await kill(await start('one'))
    await remove()
    await until('they are back', () => comment() === 'one', 10_000)
    const next = await start('two')
    assert.equal(comment(), 'two')
    await remove()
    await until('Larder puts them back itself', () => comment() === 'two', 10_000)
    assert.equal(await keepers(), 1)
    await kill(next)
    await remove()
    await until('they are back', () => comment() === 'two', 10_000)
  },
)

inWorld('what was written just before Larder died is what is kept, also when the kernel had not been told yet', async (world) => {
  const { start, kill, comment, home, table } = world
  await kill(await start('one'))
  const file = join(home, 'packet-filter', `${table}.nft`)
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('of one', 'of newer'))
  await until('the file is in force', () => comment() === 'newer', 10_000)
})

inWorld(
  'taking the last rules away ends the keeper, and nothing comes back',
  async ({ start, kill, comment, home, table, keepers }) => {
    await kill(await start('one'))
    const ending = new AbortController()
    const filter = await openTestFilter(home, ending.signal)
    await filter.put(table, null)
    ending.abort()
    assert.equal(await keepers(), 0)
    assert.equal(comment(), null)
    await until('all processes of the keeper have ended', () => {
      const pids = execFileSync('ls', ['/proc'], { encoding: 'utf8' })
        .split('\n')
        .filter((name) => /^\d+$/.test(name))
      return pids.every((pid) => !readCommandLine(Number(pid)).includes(`${home}/packet-filter`))
    })
    assert.equal(comment(), null)
  },
)

inWorld(
  'a keeper whose home is gone ends, and takes its rules with it',
  async ({ start, kill, comment, remove, home, keepers }) => {
    await kill(await start('one'))
    await remove()
    await until('it keeps', () => comment() === 'one', 10_000)
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    await until('the rules are gone', () => comment() === null, 40_000)
    await until('no keeper is left', async () => (await keepers()) === 0, 40_000)
    assert.equal(comment(), null)
  },
)
