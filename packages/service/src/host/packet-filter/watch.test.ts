/** Rules that somebody else takes away or changes are put back, by the real nft in tables of each test's own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../testing/busy-machine.ts'
import { applyRules } from '../nftables.ts'
import { removalText } from '../nftables-rules.ts'
import { canUseNftables } from '../nftables-try.ts'
import { nft, openTestFilter } from '../testing.ts'
import { eventIn } from './monitor.ts'
import type { PacketFilter } from './packet-filter.ts'

const capability = await canUseNftables(nft)
const skip = capability.ok ? false : `needs nftables: ${capability.reason}`

interface World {
  readonly home: string
  readonly tables: readonly [string, string]
  /** Watched from the start. `command`: another nft in front. */
  open(command?: readonly string[]): Promise<PacketFilter>
  /** Null: there is no such table. */
  shown(table: string): string | null
  change(text: string): Promise<void>
  readonly lines: string[]
}

const content = (table: string, comment = 'a') => ({
  text: `${removalText(table)}table ip ${table} {\n  chain a {\n    ip daddr 127.250.0.1 counter comment "${comment}"\n  }\n}\n`,
  note: comment,
})

const inWorld = async (body: (world: World) => Promise<void>): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const name = `larder_test_${randomBytes(4).toString('hex')}`
  const tables = [name, `${name}_guard`] as const
  const lines: string[] = []
  let filter: PacketFilter | null = null
  const ending = new AbortController()
  const shown = (table: string): string | null => {
    try {
      const [program = '', ...args] = nft
      return execFileSync(program, [...args, '-s', 'list', 'table', 'ip', table], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    } catch (error) {
      if (error instanceof Error && 'status' in error) return null
      throw error
    }
  }
  try {
    await body({
      home,
      tables,
      shown,
      lines,
      change: (text) => applyRules(nft, text),
      open: async (command = nft) => {
        const log = (level: string, message: string): void => void lines.push(`${level} ${message}`)
        filter = await openTestFilter(home, ending.signal, { command, log })
        filter.watch()
        return filter
      },
    })
  } finally {
    // As larder down does it: nothing is left, also no keeper.
    for (const table of tables)
      await (filter as PacketFilter | null)?.put(table, null).catch((error: unknown) => lines.push(`${error}`))
    ending.abort()
    for (const table of tables) await applyRules(nft, removalText(table))
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** By the events the first one needs nft monitor to follow; the looks after its start come within seconds, so does this. */
const untilBack = async ({ shown }: World, table: string, before: string, deadlineMs = 10_000): Promise<number> => {
  const from = performance.now()
  await until(
    () => `the table is as it was, found ${shown(table)}`,
    () => shown(table) === before,
    deadlineMs,
  )
  return performance.now() - from
}

test('what is told of rules is read as it is', () => {
  assert.deepEqual(eventIn('delete rule ip larder_1 readers handle 4'), { table: 'larder_1', stamp: null })
  assert.deepEqual(eventIn('add rule ip larder_1_guard stamp counter packets 0 bytes 0 comment "larder 0123456789abcdef"'), {
    table: 'larder_1_guard',
    stamp: '0123456789abcdef',
  })
  // Somebody takes the rule away that names the content.
  assert.deepEqual(eventIn('delete rule ip larder_1 stamp counter comment "larder 0123456789abcdef"')?.valueOf(), {
    table: 'larder_1',
    stamp: null,
  })
  for (const other of ['', 'add table ip larder_1', 'add rule inet larder_1 a accept', '# new generation 5 by process 1 (nft)'])
    assert.equal(eventIn(other), null)
  assert.equal(eventIn('# ERROR: We lost some netlink events!'), 'lost')
})

test('a table that somebody deletes, a chain that he flushes and a rule that he adds are put right at once', { skip }, () =>
  inWorld(async (world) => {
    const { open, tables, change, shown, lines } = world
    const filter = await open()
    const before = new Map<string, string>()
    for (const table of tables) {
      await filter.put(table, content(table))
      before.set(table, shown(table) ?? '')
    }
    // Until nft monitor follows.
    await change(removalText(tables[0]))
    await untilBack(world, tables[0], before.get(tables[0]) ?? '')
    const took: number[] = []
    for (const table of tables) {
      for (const text of [
        `delete table ip ${table}`,
        `flush chain ip ${table} a`,
        `add rule ip ${table} a drop`,
        `flush table ip ${table}`,
      ]) {
        await change(`${text}\n`)
        took.push(await untilBack(world, table, before.get(table) ?? ''))
      }
    }
    took.sort((a, b) => a - b)
    // Half of them are back within the time of a few processes of nft; a busy machine may hold up some.
    assert.ok((took[took.length / 2] ?? 0) < 1_000, took.map(Math.round).join(' '))
    assert.equal(lines.filter((line) => /changed by somebody else/.test(line)).length, 1, lines.join('\n'))
  }),
)

test('changes of its own are no reason to put anything back', { skip }, () =>
  inWorld(async ({ open, tables: [table], shown, lines }) => {
    const filter = await open()
    for (let number = 0; number < 100; number += 1) await filter.put(table, content(table, `${number}`))
    const from = performance.now()
    await until('the looks after the start', () => performance.now() - from > 3_500)
    assert.match(shown(table) ?? '', /comment "99"/)
    assert.deepEqual(
      lines.filter((line) => /changed by somebody/.test(line)),
      [],
    )
  }),
)

test('two homes do not take the changes of each other for those of a stranger', { skip }, () =>
  inWorld((one) =>
    inWorld(async (two) => {
      const filters = [await one.open(), await two.open()] as const
      for (let number = 0; number < 30; number += 1) {
        await Promise.all([one, two].map(({ tables: [table] }, index) => filters[index]?.put(table, content(table, `${number}`))))
      }
      const [table] = one.tables
      const before = one.shown(table) ?? ''
      await one.change(`delete table ip ${table}\n`)
      await untilBack(one, table, before)
      assert.deepEqual(
        two.lines.filter((line) => /changed by somebody/.test(line)),
        [],
      )
    }),
  ),
)

test('somebody who takes the rules away in a loop makes bounded work and few lines of log', { skip }, () =>
  inWorld(async (world) => {
    const {
      open,
      tables: [table],
      change,
      shown,
      lines,
      home,
    } = world
    // Counts how often the rules are put in force.
    const counting = join(home, 'counting')
    const filter = await open()
    await filter.put(table, content(table))
    const before = shown(table) ?? ''
    await change(removalText(table))
    await untilBack(world, table, before)
    let back = 0
    const until5s = performance.now() + 5_000
    while (performance.now() < until5s) {
      if (shown(table) !== null) back += 1
      await change(removalText(table))
    }
    assert.ok(back <= 10 + 5_000 / 500 + 5, `put back ${back} times in 5 s`)
    assert.ok(lines.filter((line) => /changed by somebody else/.test(line)).length <= 2, lines.join('\n'))
    await untilBack(world, table, before)
    rmSync(counting, { force: true })
  }),
)

test('after an nft that fails and is slow for a while the watch goes on', { skip }, () =>
  inWorld(async (world) => {
    const {
      open,
      tables: [table],
      change,
      shown,
      home,
    } = world
    const broken = join(home, 'broken')
    const program = join(home, 'nft')
    writeFileSync(
      program,
      `#!/bin/sh\n[ -e ${broken} ] && { [ "$1" = monitor ] && exit 1; sleep 0.2; exit 1; }\nexec ${nft.join(' ')} "$@"\n`,
    )
    chmodSync(program, 0o700)
    writeFileSync(broken, '')
    const failing = await open([program])
    // Nothing can be told nor looked at: the watch has begun, and fails.
    await assert.rejects(failing.put(table, content(table)))
    await until('it is told that rules cannot be watched', () =>
      world.lines.some((line) => /does not tell of changes/.test(line)),
    )
    rmSync(broken)
    await failing.put(table, content(table))
    const before = shown(table) ?? ''
    await change(removalText(table))
    await untilBack(world, table, before, 20_000)
  }),
)
