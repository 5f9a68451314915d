/** Everything that this home has in the kernel's packet filter: tables in files, put in force by nft, watched, and kept while Larder is away. */
import { join } from 'node:path'
import { LarderError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Host } from '../../ports/host.ts'
import { keepDoing } from '../../ports/keep-doing.ts'
import type { Log } from '../../ports/log.ts'
import { createKeeper } from './keeper.ts'
import { readNote, stamped, type TableContent } from './rule-file.ts'
import { createSession } from './session.ts'
import { createTableWriter, type TableWriter, type WriterTiming } from './table-writer.ts'
import { startWatch } from './watch.ts'

export interface PacketFilter {
  /**
   * The whole table, in place of the one before, in one transaction; null: no table. Resolves when it is in force. Rejects with `machine` where nft refuses it
   * and with `deadline` when nft does not answer; both may be tried again.
   */
  put(table: string, content: TableContent | null): Promise<void>
  /** The note of what is to be in force, also of an earlier Larder; null: there is to be no table, or nobody knows. */
  note(table: string): Promise<string | null>
  /** From now on it is watched, and kept when Larder has gone. */
  watch(): void
}

interface PacketFilterOptions {
  /** The state folder. */
  readonly home: string
  readonly nft: readonly string[]
  readonly host: Host
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
  /** Aborted when Larder ends. What is in force stays in force, and is kept. */
  readonly signal: AbortSignal
  readonly timing?: Partial<WriterTiming>
}

const keeperMs = 60_000

export const openPacketFilter = async (options: PacketFilterOptions): Promise<PacketFilter> => {
  const { nft, host, clock, log, signal } = options
  const folder = join(options.home, 'packet-filter')
  await host.makeFolder(folder)
  const session = createSession({ nft, folder, log })
  const keeper = createKeeper({ folder, nft, host, log })
  const writers = new Map<string, TableWriter>()
  let isWatching = false
  let isWatched = false
  /** One of an earlier Larder might put back what it has read before a change. */
  let former: Promise<void> | null = null

  const writerOf = (table: string): TableWriter => {
    const present = writers.get(table)
    if (present !== undefined) return present
    const { timing = {} } = options
    const writer = createTableWriter({ table, folder, nft, session, log, timing })
    writers.set(table, writer)
    return writer
  }
  const hasRules = (): boolean => [...writers.values()].some(({ wanted }) => wanted !== null)

  /** Nothing is watched, and no process waits, before there is something to lose. */
  const watchOver = (): void => {
    if (!isWatching || isWatched || signal.aborted || !hasRules()) return
    isWatched = true
    startWatch({ nft, writers: () => writers, clock, log, signal })
    const complaint = 'nobody would put rules back while Larder is away'
    void keepDoing({ clock, log }, { complaint, everyMs: keeperMs, signal }, async () => {
      if (hasRules()) await keeper.ensure()
    })
  }

  signal.addEventListener(
    'abort',
    () => {
      session.close()
      for (const writer of writers.values()) writer.close()
      keeper.release()
    },
    { once: true },
  )

  return {
    async put(table, content) {
      if (!/^larder_\w+$/.test(table)) throw new LarderError('machine', `expected a table of Larder, found ${table}`)
      const writer = writerOf(table)
      former ??= keeper
        .end()
        .catch((error: unknown) => log('warn', 'the keeper of an earlier Larder could not be ended', { error }))
      await former
      const putting = writer.put(content === null ? null : stamped(content))
      watchOver()
      await putting
      if (!hasRules()) await keeper.end()
    },
    note: (table) => readNote(folder, table),
    watch() {
      isWatching = true
      watchOver()
    },
  }
}
