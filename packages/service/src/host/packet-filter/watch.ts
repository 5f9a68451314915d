/**
 * Puts back what somebody else removes or changes of the tables of this home: told by `nft monitor` within milliseconds; a slow look finds the rest.
 *
 * Each table ends with a rule that names its content (`stamp`). The kernel tells of changes in their order, so after the last change of a table that
 * rule has been told of with the wanted stamp, whoever wrote it, or the table is not as it should be.
 */
import { LarderError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { keepDoing } from '../../ports/keep-doing.ts'
import type { Log } from '../../ports/log.ts'
import { runChild } from './child.ts'
import { followRules, type RuleEvent } from './monitor.ts'
import { stampIn } from './rule-file.ts'
import type { TableWriter } from './table-writer.ts'

/** A change is told of line by line. */
const burstMs = 4
/** Larder's own change is told of after nft has said that it is done. */
const ownMs = 250
const lookMs = 60_000
const lookWithoutMonitorMs = 5_000
const lookDeadlineMs = 4_000
/** nft takes a moment until it follows. */
const afterStartMs = [500, 3_000] as const
/** So often in a row rules are put back at once, and then only at this pace. */
const atOnce = 10
const paceMs = 500
const calmMs = 10_000
const tellEveryMs = 20_000

interface WatchOptions {
  readonly nft: readonly string[]
  readonly writers: () => ReadonlyMap<string, TableWriter>
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
  readonly signal: AbortSignal
}

/** What was last told of a table. */
interface Told {
  stamp: string | null
  /** When the wanted stamp was told of last. */
  seenAt: number
  timer: NodeJS.Timeout | null
}

export const startWatch = ({ nft, writers, clock, log, signal }: WatchOptions): void => {
  const tables = new Map<string, Told>()
  /** The text of the table as nft shows it, by its stamp, as it was right after Larder wrote it. */
  const shown = new Map<string, { readonly stamp: string; readonly text: string }>()
  const put: number[] = []
  let quiet: { times: number; readonly tables: Set<string> } | null = null
  let isTold = false
  let complainedAt = Number.NEGATIVE_INFINITY

  const tell = (table: string): void => {
    if (quiet !== null) {
      quiet.times += 1
      quiet.tables.add(table)
      return
    }
    log('warn', 'rules of this home were changed by somebody else, and are put in force again', { table })
    quiet = { times: 0, tables: new Set() }
    const sumUp = (): void => {
      const more = quiet
      quiet = null
      if (more === null || more.times === 0 || signal.aborted) return
      log('warn', 'rules of this home were changed by somebody else again and again, and put in force each time', {
        times: more.times,
        tables: [...more.tables],
      })
      quiet = { times: 0, tables: new Set() }
      setTimeout(sumUp, tellEveryMs).unref()
    }
    setTimeout(sumUp, tellEveryMs).unref()
  }

  /** How long to wait before rules are put back once more. */
  const pauseMs = (): number => {
    const now = performance.now()
    while (put[0] !== undefined && now - put[0] > calmMs) put.shift()
    const last = put.at(-1)
    return put.length < atOnce || last === undefined ? 0 : Math.max(0, last + paceMs - now)
  }

  const putBack = async (table: string, writer: TableWriter): Promise<void> => {
    put.push(performance.now())
    if (writer.isInForce) tell(table)
    await writer.again()
  }

  const toldOf = (table: string): Told => {
    const present = tables.get(table) ?? { stamp: null, seenAt: 0, timer: null }
    tables.set(table, present)
    return present
  }

  /** What is told of may be the first half of a change by Larder itself. */
  const ownMsLeft = (told: Told, writer: TableWriter): number => {
    if (writer.isBusy) return ownMs
    return told.seenAt < writer.done.began ? writer.done.ended + ownMs - performance.now() : 0
  }

  const consider = (table: string, afterMs: number): void => {
    const told = toldOf(table)
    if (told.timer !== null) clearTimeout(told.timer)
    told.timer = setTimeout(() => {
      told.timer = null
      const writer = writers().get(table)
      const wanted = writer?.wanted ?? null
      if (signal.aborted || writer === undefined || wanted === null || told.stamp === wanted.stamp) return
      const waitMs = Math.max(ownMsLeft(told, writer), pauseMs())
      if (waitMs > 0) {
        consider(table, waitMs)
        return
      }
      putBack(table, writer).catch((error: unknown) => {
        if (signal.aborted) return
        const now = performance.now()
        if (now - complainedAt > tellEveryMs) {
          complainedAt = now
          log('warn', 'rules that somebody else changed could not be put in force again; this is tried again', { table, error })
        }
        consider(table, paceMs)
      })
    }, afterMs)
    told.timer.unref()
  }

  const onEvent = (event: RuleEvent | 'lost'): void => {
    if (event === 'lost') {
      soon()
      return
    }
    const writer = writers().get(event.table)
    if (writer === undefined) return
    const told = toldOf(event.table)
    told.stamp = event.stamp
    if (event.stamp !== null && event.stamp === writer.wanted?.stamp) told.seenAt = performance.now()
    consider(event.table, burstMs)
  }

  const lookAt = async (table: string, writer: TableWriter): Promise<void> => {
    await writer.save()
    const before = writer.wanted
    if (before === null || writer.isBusy) return
    const deadline = AbortSignal.timeout(lookDeadlineMs)
    const text = await runChild([...nft, '-s', 'list', 'table', 'ip', table], { signal: deadline }).catch((error: unknown) => {
      if (error instanceof LarderError && /No such file or directory/.test(error.message)) return ''
      throw error
    })
    if (writer.wanted !== before || writer.isBusy || pauseMs() > 0) return // the next look sees
    const known = shown.get(table)
    const isNewest = stampIn(text) === before.stamp
    if (isNewest && known?.stamp !== before.stamp) shown.set(table, { stamp: before.stamp, text })
    if (!isNewest || (known?.stamp === before.stamp && known.text !== text)) await putBack(table, writer)
  }

  const look = async (): Promise<void> => {
    const results = await Promise.allSettled([...writers()].map(([table, writer]) => lookAt(table, writer)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  const soon = (): void => {
    for (const ms of afterStartMs) {
      setTimeout(() => {
        if (!signal.aborted) look().catch((error: unknown) => log('debug', 'rules could not be looked at', { error }))
      }, ms).unref()
    }
  }

  void keepDoing(
    { clock, log },
    { complaint: 'nft monitor does not tell of changes of rules', everyMs: 200, signal },
    async () => {
      await followRules(nft, signal, {
        onStart: () => {
          isTold = true
          soon()
        },
        onEvent,
      }).finally(() => {
        isTold = false
      })
    },
  )
  const everyMs = (): number => (isTold ? lookMs : lookWithoutMonitorMs)
  let isFirst = true
  void keepDoing({ clock, log }, { complaint: 'rules could not be looked at', everyMs, signal }, async () => {
    if (!isFirst) await look()
    isFirst = false
  })
}
