/** One `nft -i` for all changes of a home: no process is started for a change. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { LarderError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import { askLine, createAnswerReader } from './answers.ts'
import { startChild } from './child.ts'

/** `gone`: nobody knows whether it was carried out, or it was not even asked for. */
export type Answer = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly why: string } | { readonly kind: 'gone' }

export interface Session {
  /** One line, carried out as one transaction. `gone` is the answer when nft ends or talks rubbish first; it may also never answer: see `drop`. */
  run(line: string): Promise<Answer>
  /** Ends the nft that runs now, hung or not; who waits for it gets `gone`. The next `run` starts another one. */
  drop(why: string): void
  /** Nothing is run any more. */
  close(): void
  /** For tests and measurements. */
  pid(): number | null
}

interface SessionOptions {
  readonly nft: readonly string[]
  /** Where files stand that a line may include. */
  readonly folder: string
  readonly log: Log
}

/** nft keeps every line that it was given, and a little of every change. */
const mostRuns = 2_000
const shortestRestMs = 1_000
const longestRestMs = 60_000

interface Living {
  readonly child: ChildProcessWithoutNullStreams
  readonly waiting: Map<number, (answer: Answer) => void>
  runs: number
}

/** nft reads its history from there, and writes it there: it is to have none. */
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, HOME: '/dev/null' })

export const createSession = ({ nft, folder, log }: SessionOptions): Session => {
  let living: Living | null = null
  let starting: Promise<Living | null> | null = null
  let isClosed = false
  /** After a failure changes go the slower way for a while. */
  let restUntil = 0
  let restMs = shortestRestMs

  const end = (one: Living, why: string, isFailure: boolean): void => {
    if (living === one) living = null
    one.child.kill('SIGKILL')
    if (isFailure) {
      restUntil = performance.now() + restMs
      restMs = Math.min(restMs * 2, longestRestMs)
      if (!isClosed) log('debug', 'nft -i has ended, changes of rules start a process each for a while', { why, restMs })
    }
    const waiting = [...one.waiting.values()]
    one.waiting.clear()
    for (const answer of waiting) answer({ kind: 'gone' })
  }

  const start = async (): Promise<Living | null> => {
    try {
      const child = await startChild([...nft, '-i'], { cwd: folder, environment: environment() })
      const one: Living = { child, waiting: new Map(), runs: 0 }
      const reader = createAnswerReader((number, complaint) => {
        const answer = one.waiting.get(number)
        if (answer === undefined) throw new Error(`nobody asked for the answer ${number}`)
        one.waiting.delete(number)
        restMs = shortestRestMs
        answer(complaint === '' ? { kind: 'done' } : { kind: 'refused', why: complaint })
      })
      child.stdout.resume() // prompts, where it thinks that somebody reads them
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        try {
          reader.push(text)
        } catch (error) {
          end(one, error instanceof Error ? error.message : String(error), true)
        }
      })
      child.once('close', (status, signal) => {
        if (living === one || one.waiting.size > 0) end(one, `it ended with ${signal ?? status}`, true)
      })
      if (isClosed) {
        end(one, 'closed', false)
        return null
      }
      living = one
      return one
    } catch (error) {
      restUntil = performance.now() + restMs
      restMs = Math.min(restMs * 2, longestRestMs)
      if (!(error instanceof LarderError)) throw error
      log('debug', 'nft -i could not be started, changes of rules start a process each for a while', { error })
      return null
    } finally {
      starting = null
    }
  }

  const present = (): Promise<Living | null> | Living | null => {
    if (living !== null && living.runs >= mostRuns && living.waiting.size === 0) end(living, 'it is old', false)
    if (living !== null) return living
    if (isClosed || performance.now() < restUntil) return null
    starting ??= start()
    return starting
  }

  return {
    async run(line) {
      const one = await present()
      if (one === null || one !== living) return { kind: 'gone' }
      const number = one.runs
      one.runs += 1
      return new Promise((resolve) => {
        one.waiting.set(number, resolve)
        one.child.stdin.write(`${line}\n${askLine(number)}\n`)
      })
    },
    drop: (why) => {
      if (living !== null) end(living, why, true)
    },
    close: () => {
      isClosed = true
      if (living !== null) end(living, 'closed', false)
    },
    pid: () => living?.child.pid ?? null,
  }
}
