/** What was written, by whom, when, and what became of it: the last moments in memory, all of it as lines of JSON for people. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

/**
 * Who carried a write out, as the engine itself told in the same transaction. A process gets another replication id each time it
 * becomes primary, so this names one reign: a node, in one life of its process, in one turn as a primary.
 */
export interface Witness {
  readonly node: string
  readonly runId: string
  readonly replicationId: string
  /** When it was carried out, by the clock of the machine: milliseconds since 1970, exact to a thousandth. All nodes have the same clock. */
  readonly at: number
}

export type Outcome = 'acknowledged' | 'refused' | 'unknown'

export interface Write {
  /** Unique in the run. */
  readonly id: string
  /** `<group>/<shard>` */
  readonly shard: string
  readonly writer: string
  /** The list to which the id was appended. */
  readonly list: string
  readonly round: number
  /** Milliseconds of one monotonic clock, before the write was sent and after its outcome was known. */
  readonly start: number
  readonly end: number
  readonly outcome: Outcome
  /** Of acknowledged writes; null in a burst. */
  readonly witness: Witness | null
  /** Of the others: what the client said. */
  readonly why: string | null
}

export interface History {
  readonly counts: Readonly<Record<Outcome, number>>
  /** Those that ended since the time that was forgotten last, in the order in which they ended. */
  readonly recent: readonly Write[]
  add(write: Write): void
  /** Drops what ended before. */
  forget(before: number): void
  close(): Promise<void>
}

const brief = (id: string): string => id.slice(0, 8)

const lineOf = ({ id, list, start, end, outcome, witness, why }: Write): string =>
  JSON.stringify({
    id: id.slice(0, 60),
    list,
    start: Number(start.toFixed(2)),
    end: Number(end.toFixed(2)),
    outcome,
    ...(witness === null
      ? {}
      : { by: `${witness.node} ${brief(witness.runId)} ${brief(witness.replicationId)}`, at: Number(witness.at.toFixed(3)) }),
    ...(why === null ? {} : { why }),
  })

export const openHistory = (file: string): History => {
  const counts = { acknowledged: 0, refused: 0, unknown: 0 }
  let recent: Write[] = []
  const stream = createWriteStream(file, { mode: 0o600 })
  stream.on('error', () => undefined) // told by `close`
  return {
    counts,
    get recent() {
      return recent
    },
    add(write) {
      counts[write.outcome] += 1
      recent.push(write)
      stream.write(`${lineOf(write)}\n`)
    },
    forget(before) {
      recent = recent.filter((write) => write.end >= before)
    },
    async close() {
      stream.end()
      await finished(stream)
    },
  }
}
