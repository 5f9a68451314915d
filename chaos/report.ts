/** What came of it all: figures for each kind of fault, and the verdict. Pure. */
import { percentile } from '../bench/support/figures.ts'
import type { Fault } from './scene.ts'

export interface RoundResult {
  readonly round: number
  readonly fault: string
  readonly targets: readonly string[]
  /** Longest wait of a writer for each shard that it was done to, in milliseconds. */
  readonly gaps: readonly number[]
  /** From the last thing that was done to full health; null: not in time. */
  readonly healthyMs: number | null
  readonly acknowledged: number
  /** Acknowledged and gone, of groups that write to memory alone and lost all nodes of a shard. */
  readonly lostWithAll: number
  /** Acknowledged and gone otherwise. */
  readonly lost: number
  readonly refusedByLimit: number
}

interface FaultFigures {
  readonly rounds: number
  readonly refusedByLimit: number
  readonly gapP50: number | null
  readonly gapP99: number | null
  readonly healthyP50: number | null
  readonly healthyMost: number | null
  readonly acknowledged: number
  readonly lost: number
  readonly lostWithAll: number
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const share = (values: readonly number[], at: number): number | null =>
  values.length === 0 ? null : Math.round(percentile(values, at))

const figuresOf = (results: readonly RoundResult[]): FaultFigures => {
  const gaps = results.flatMap((result) => result.gaps)
  const healthy = results.flatMap((result) => (result.healthyMs === null ? [] : [result.healthyMs]))
  return {
    rounds: results.length,
    refusedByLimit: sum(results.map((result) => result.refusedByLimit)),
    gapP50: share(gaps, 0.5),
    gapP99: share(gaps, 0.99),
    healthyP50: share(healthy, 0.5),
    healthyMost: share(healthy, 1),
    acknowledged: sum(results.map((result) => result.acknowledged)),
    lost: sum(results.map((result) => result.lost)),
    lostWithAll: sum(results.map((result) => result.lostWithAll)),
  }
}

const columns = ['rounds', 'gap p50', 'gap p99', 'healthy p50', 'healthy most', 'acknowledged', 'lost', 'lost with all'] as const
const widths = [24, 8, 9, 9, 13, 14, 14, 7, 15] as const

const lineOf = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index] ?? 10))).join('')

const ms = (value: number | null): string => (value === null ? '-' : `${value} ms`)

export const byFault = (results: readonly RoundResult[], faults: readonly Pick<Fault, 'name'>[]): Record<string, FaultFigures> =>
  Object.fromEntries(
    faults
      .map(({ name }) => [name, results.filter((result) => result.fault === name)] as const)
      .filter(([, mine]) => mine.length > 0)
      .map(([name, mine]) => [name, figuresOf(mine)]),
  )

export const tableOf = (figures: Readonly<Record<string, FaultFigures>>): string =>
  [
    lineOf(['fault', ...columns]),
    ...Object.entries(figures).map(([name, each]) =>
      lineOf([
        name,
        String(each.rounds),
        ms(each.gapP50),
        ms(each.gapP99),
        ms(each.healthyP50),
        ms(each.healthyMost),
        String(each.acknowledged),
        String(each.lost),
        String(each.lostWithAll),
      ]),
    ),
  ].join('\n')
