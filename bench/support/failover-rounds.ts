/** Rounds of one fault, with every client writing through all of them. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Library, librariesFor, type Target } from './failover-clients.ts'
import type { StepReader, Steps } from './failover-steps.ts'
import { type Outage, openWriter, type Writer } from './failover-writers.ts'
import { until } from './waiting.ts'

const settleMs = 150
/** Not in step with anything that happens at intervals. */
const upToMs = 100
const goOnDeadlineMs = 60_000

export interface Fault {
  /** Finds out what it needs and returns what does it: nothing but the fault itself is in the time that is measured. */
  prepare(turn: number): Promise<() => Promise<unknown> | unknown>
  /** Resolves when everything is as it was before. */
  mend(): Promise<void>
  /** Steps of the service; null where nothing tells them. */
  readonly steps: { readonly groupId: string; readonly reader: StepReader } | null
}

export interface Course {
  readonly what: string
  readonly rounds: number
  readonly target: Target
  readonly fault: Fault
  readonly signal: AbortSignal
}

export interface Round extends Outage {
  readonly steps: Steps | null
}

export interface Measured {
  readonly what: string
  readonly library: Library
  readonly rounds: readonly Round[]
  readonly failures: Readonly<Record<string, number>>
  readonly acknowledged: number
  readonly lost: number
}

const oneRound = async (writers: readonly Writer[], turn: number, { fault, signal }: Course): Promise<readonly Round[]> => {
  const wait = { signal, deadlineMs: goOnDeadlineMs }
  const strike = await fault.prepare(turn)
  for (const writer of writers) writer.mark()
  await until('writes before the fault', () => writers.every((writer) => writer.goesOn), wait)
  await delay(settleMs + Math.random() * upToMs)
  fault.steps?.reader.skip()
  const from = Date.now()
  for (const writer of writers) writer.mark()
  await strike()
  for (const writer of writers) writer.struck()
  await delay(settleMs)
  await until('writes after the fault', () => writers.every((writer) => writer.goesOn), wait)
  await fault.mend()
  await delay(settleMs)
  const steps = fault.steps === null ? null : fault.steps.reader.steps(fault.steps.groupId, from)
  return writers.map((writer) => ({ ...writer.outage(), steps }))
}

/** Rejects when a client never writes again, or a group is not whole again in time. */
export const measure = async (course: Course): Promise<readonly Measured[]> => {
  const { what, rounds, target, signal } = course
  const writers: Writer[] = []
  try {
    for (const library of librariesFor(target)) writers.push(await openWriter(library, target, what.replaceAll(/\W+/g, '-')))
    const seen: (readonly Round[])[] = []
    for (let turn = 0; turn < rounds; turn += 1) {
      signal.throwIfAborted()
      seen.push(await oneRound(writers, turn, course))
    }
    const measured: Measured[] = []
    for (const [index, writer] of writers.entries()) {
      const lost = await writer.lost()
      const own = seen.flatMap((round) => round[index] ?? [])
      measured.push({
        what,
        library: writer.library,
        rounds: own,
        failures: writer.failures,
        acknowledged: writer.acknowledged,
        lost,
      })
    }
    return measured
  } finally {
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  }
}
