/** What was written, by whom, when, and what became of it: in memory for the checks, and as lines of JSON for people. */
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
  /** Of acknowledged writes. */
  readonly witness: Witness | null
  /** Of the others: what the client said. */
  readonly why: string | null
}

export interface History {
  readonly writes: readonly Write[]
  add(write: Write): void
  close(): Promise<void>
}

export const openHistory = (file: string): History => {
  const writes: Write[] = []
  const stream = createWriteStream(file, { mode: 0o600 })
  return {
    writes,
    add(write) {
      writes.push(write)
      const { witness, why, start, end, ...rest } = write
      const times = { start: Number(start.toFixed(2)), end: Number(end.toFixed(2)) }
      stream.write(`${JSON.stringify({ ...rest, ...times, ...witness, ...(why === null ? {} : { why }) })}\n`)
    },
    async close() {
      stream.end()
      await finished(stream)
    },
  }
}
