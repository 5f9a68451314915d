/** When the service took the steps of a failover, by its own log. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

interface Line {
  readonly time: string
  readonly message: string
  readonly group?: string
}

const names: Readonly<Record<string, keyof Steps>> = {
  'a shard gets another primary': 'decidedMs',
  promoted: 'promotedMs',
}

/** From a given moment, in milliseconds. Null: it did not come so far. */
export interface Steps {
  /** The new primary has been written to the store: the old one is known to be gone, or has handed over. */
  readonly decidedMs: number | null
  /** The new primary accepts writes. */
  readonly promotedMs: number | null
}

export interface StepReader {
  /** What is in the log up to now is of no interest any more. */
  skip(): void
  /** First steps of this group since the skip; `from` is a wall clock time. */
  steps(groupId: string, from: number): Steps
}

export const openSteps = (home: string): StepReader => {
  const file = join(home, 'logs', 'larder.log')
  let at = 0
  const read = (): string => {
    const handle = openSync(file, 'r')
    try {
      const size = Math.max(0, fstatSync(handle).size - at)
      const bytes = Buffer.alloc(size)
      const length = readSync(handle, bytes, 0, size, at)
      return bytes.toString('utf8', 0, length)
    } finally {
      closeSync(handle)
    }
  }
  return {
    skip: () => {
      at += Buffer.byteLength(read())
    },
    steps: (groupId, from) => {
      const found: { -readonly [step in keyof Steps]: Steps[step] } = { decidedMs: null, promotedMs: null }
      for (const text of read().split('\n').slice(0, -1)) {
        const line = JSON.parse(text) as Line
        const step = names[line.message]
        if (step !== undefined && line.group?.endsWith(`/${groupId}`)) found[step] ??= new Date(line.time).getTime() - from
      }
      return found
    },
  }
}
