/** What is made of the rounds: figures, tables for people, and which aims are missed. Pure. */
import { type Library, withoutAim } from './support/failover-clients.ts'
import type { Measured, Round } from './support/failover-rounds.ts'
import { percentile, round } from './support/figures.ts'

export interface Figures {
  readonly by: 'larder' | 'sentinel' | 'engine'
  readonly what: string
  readonly client: Library
  readonly rounds: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly worst_ms: number
  readonly acknowledged: number
  readonly lost: number
  /** Failed writes, by what they failed with; each was tried again. */
  readonly failures: Readonly<Record<string, number>>
  /** Medians, counted from the fault; null where fewer than half of the rounds had it. */
  readonly parts_p50_ms: Readonly<Record<Part, number | null>>
}

type Part = 'ended' | 'decided' | 'promoted' | 'connected' | 'back'
const partsOf: Readonly<Record<Part, (seen: Round) => number | null>> = {
  ended: (seen) => seen.endedMs,
  decided: (seen) => seen.steps?.decidedMs ?? null,
  promoted: (seen) => seen.steps?.promotedMs ?? null,
  connected: (seen) => seen.connectedMs,
  back: (seen) => seen.backMs,
}
const partNames = Object.keys(partsOf) as readonly Part[]

const middle = (values: readonly (number | null)[]): number | null => {
  const present = values.filter((value) => value !== null)
  return present.length * 2 < values.length ? null : round(percentile(present, 0.5), 1)
}

export const figuresOf = (by: Figures['by'], { what, library, rounds, failures, acknowledged, lost }: Measured): Figures => {
  const gaps = rounds.map((seen) => seen.gapMs)
  const part = (name: Part): number | null => middle(rounds.map(partsOf[name]))
  return {
    by,
    what,
    client: library,
    rounds: rounds.length,
    p50_ms: round(percentile(gaps, 0.5), 1),
    p99_ms: round(percentile(gaps, 0.99), 1),
    worst_ms: round(Math.max(...gaps), 1),
    acknowledged,
    lost,
    failures,
    parts_p50_ms: {
      ended: part('ended'),
      decided: part('decided'),
      promoted: part('promoted'),
      connected: part('connected'),
      back: part('back'),
    },
  }
}

/** The same fault measured on several groups. */
export const merged = (measured: readonly (readonly Measured[])[]): readonly Measured[] => {
  const [first = [], ...rest] = measured
  return first.map((row) => {
    const same = [row, ...rest.flatMap((rows) => rows.filter(({ library }) => library === row.library))]
    const failures: Record<string, number> = {}
    for (const each of same)
      for (const [what, count] of Object.entries(each.failures)) failures[what] = (failures[what] ?? 0) + count
    return {
      ...row,
      failures,
      rounds: same.flatMap((each) => each.rounds),
      acknowledged: same.reduce((sum, each) => sum + each.acknowledged, 0),
      lost: same.reduce((sum, each) => sum + each.lost, 0),
    }
  })
}

const cells = (widths: readonly number[], values: readonly (string | number | null)[]): string =>
  values
    .map((value, index) => {
      const width = widths[index] ?? 0
      const text = value === null ? '-' : String(value)
      return width < 0 ? text.padEnd(-width) : text.padStart(width)
    })
    .join('')

const partWidths = [-10, -22, -24, 4, 9, 9, 9, 7, 10, 9, 10, 11, 8] as const
export const parts = {
  head: cells(partWidths, ['by', 'what', 'client', 'n', 'p50', 'p99', 'worst', 'lost', ...partNames]),
  text: (row: Figures): string =>
    cells(partWidths, [
      row.by,
      row.what,
      row.client,
      row.rounds,
      row.p50_ms,
      row.p99_ms,
      row.worst_ms,
      row.lost,
      ...partNames.map((name) => row.parts_p50_ms[name]),
    ]),
}

/** What a user would have instead, for each of Larder's rows. The engine has no majority with one shard or two. */
const rivals: Readonly<Record<string, readonly string[]>> = {
  kill: ['kill'],
  hang: ['hang'],
  planned: ['planned', 'planned, coordinated'],
  'kill, 3 sh.': ['kill, 3 sh.'],
  busy: ['busy'],
  rules: ['rules'],
  both: ['both'],
}

interface Pair {
  readonly larder: Figures
  readonly rival: Figures | null
}

const pairsOf = (rows: readonly Figures[]): readonly Pair[] =>
  rows
    .filter(({ by }) => by === 'larder')
    .flatMap((larder): readonly Pair[] => {
      const found = rows.filter(
        (row) => row.by !== 'larder' && row.client === larder.client && rivals[larder.what]?.includes(row.what),
      )
      return found.length === 0 ? [{ larder, rival: null }] : found.map((rival) => ({ larder, rival }))
    })

/** The rival's gap, in gaps of Larder's. */
const times = ({ larder, rival }: Pair, figure: 'p50_ms' | 'p99_ms'): number | null =>
  rival === null ? null : round(rival[figure] / larder[figure], 1)

const pairWidths = [-14, -24, 9, 9, 9, 6, -3, -31, 4, 9, 9, 9, 7, 8] as const

/** What Larder takes, beside what a user would have instead, and how many times longer that takes. */
export const besideText = (rows: readonly Figures[]): readonly string[] => [
  cells(pairWidths, ['what', 'client', 'p50', 'p99', 'worst', 'lost', '', 'beside', 'n', 'p50', 'p99', 'worst', 'lost', 'times']),
  ...pairsOf(rows).map((pair) => {
    const { larder, rival } = pair
    const own = [larder.what, larder.client, larder.p50_ms, larder.p99_ms, larder.worst_ms, larder.lost, '']
    if (rival === null) return cells(pairWidths, own)
    const other = [`${rival.by}: ${rival.what}`, rival.rounds, rival.p50_ms, rival.p99_ms, rival.worst_ms, rival.lost]
    return cells(pairWidths, [...own, ...other, times(pair, 'p50_ms')])
  }),
]

export const ratios = (rows: readonly Figures[]) =>
  pairsOf(rows).flatMap((pair) =>
    pair.rival === null
      ? []
      : {
          what: pair.larder.what,
          client: pair.larder.client,
          beside: `${pair.rival.by}: ${pair.rival.what}`,
          p50_times: times(pair, 'p50_ms'),
          p99_times: times(pair, 'p99_ms'),
        },
  )

export interface Aim {
  readonly p50_ms?: number
  readonly p99_ms?: number
  readonly lost?: number
}
const aimOfShards: Aim = { p99_ms: 60 }
export const wanted: Readonly<Record<string, Aim>> = {
  kill: { p50_ms: 20, p99_ms: 50 },
  hang: { p99_ms: 1_500 },
  planned: { p99_ms: 50, lost: 0 },
  'kill, 1 sh.': aimOfShards,
  'kill, 2 sh.': aimOfShards,
  'kill, 3 sh.': aimOfShards,
  'kill, 6 sh.': aimOfShards,
}

/** One line for each figure that is not reached. Clients that wait by themselves show what that costs, and have no aim. */
export const missed = (rows: readonly Figures[], aims: Readonly<Record<string, Aim>> = wanted): readonly string[] =>
  rows
    .filter(({ by, client }) => by === 'larder' && !withoutAim.has(client))
    .flatMap((row) =>
      (['p50_ms', 'p99_ms', 'lost'] as const).flatMap((figure) => {
        const most = aims[row.what]?.[figure]
        return most === undefined || row[figure] <= most
          ? []
          : [`${row.what}, ${row.client}: ${figure} ${row[figure]}, wanted at most ${most}`]
      }),
    )
