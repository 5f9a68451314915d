/**
 * Puts one table in force, however slow or broken nft is. Each attempt has a life of its own: one that hangs keeps nobody waiting for longer than
 * `patienceMs`, then another one is made beside it, at most `mostAttempts` at a time. Changes that come during an attempt share the next.
 */
import { LarderError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import { coalesced } from '../coalesce.ts'
import { removalText } from '../nftables-rules.ts'
import { runChild } from './child.ts'
import { removeRules, type StampedTable, writeRules } from './rule-file.ts'
import type { Session } from './session.ts'

export interface WriterTiming {
  /** A caller is told after so long that it did not work in time. */
  readonly deadlineMs: number
  /** An attempt that takes longer gets another one beside it. */
  readonly patienceMs: number
  /** Then an attempt is ended. */
  readonly lifeMs: number
}

const standard: WriterTiming = { deadlineMs: 5_000, patienceMs: 1_000, lifeMs: 4_000 }
const mostAttempts = 4

interface WriterOptions {
  readonly table: string
  readonly folder: string
  readonly nft: readonly string[]
  readonly session: Session
  readonly log: Log
  readonly timing?: Partial<WriterTiming>
}

export interface TableWriter {
  /** What is to be in force; null: there is to be no table. */
  readonly wanted: StampedTable | null
  /** Something is under way. */
  readonly isBusy: boolean
  /** What is wanted has been put in force. */
  readonly isInForce: boolean
  /** The last change that was carried out (`performance.now()`). */
  readonly done: { readonly began: number; readonly ended: number }
  /** Resolves when this content or a later one is in force. Rejects with `machine` where nft refuses it, and with `deadline`; both may be tried again. */
  put(content: StampedTable | null): Promise<void>
  /** The same as before, once more. */
  again(): Promise<void>
  /** Writes the file where that has not been possible so far. */
  save(): Promise<void>
  close(): void
}

interface Attempt {
  readonly abort: AbortController
  readonly since: number
  readonly order: number
  revision: number
  bySession: boolean
}

interface Waiter {
  readonly revision: number
  resolve(): void
  reject(error: LarderError): void
}

export const createTableWriter = ({ table, folder, nft, session, log, timing = {} }: WriterOptions): TableWriter => {
  const { deadlineMs, patienceMs, lifeMs } = { ...standard, ...timing }
  let wanted: { readonly revision: number; readonly content: StampedTable | null } = { revision: 0, content: null }
  /** Revision that is in force; -1: nobody knows. */
  let inForce = 0
  let newestDone = 0
  let done = { began: 0, ended: 0 }
  let orders = 0
  /** Revision of the file; -1: it could not be written, and has been removed. */
  let saved = 0
  let isClosed = false
  const attempts = new Set<Attempt>()
  const waiters = new Set<Waiter>()

  const saveNow = coalesced(async () => {
    const { revision, content } = wanted
    try {
      await (content === null ? removeRules(folder, table) : writeRules(folder, table, content))
      saved = revision
    } catch (error) {
      if (saved !== -1) log('error', 'the file of rules could not be written; they are put in force without', { table, error })
      saved = -1
      // An old file would have the keeper put back old rules. Removing one needs no space on a full disk.
      await removeRules(folder, table).catch(() => undefined) // said above
    }
  })

  /** Before the kernel is changed: who puts rules back reads the file. */
  const save = async (): Promise<void> => {
    if (saved !== wanted.revision) await saveNow()
  }

  const byProcess = async (attempt: Attempt, content: StampedTable | null): Promise<string | null> => {
    try {
      await runChild([...nft, '-f', '-'], { input: content?.text ?? removalText(table), signal: attempt.abort.signal })
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** Null: it is in force. */
  const carryOut = async (attempt: Attempt): Promise<string | null> => {
    await save()
    const { revision, content } = wanted
    attempt.revision = revision
    const isFirst = [...attempts].every((other) => other === attempt || !other.bySession)
    // Without a file it goes through the standard input of a process.
    if (isFirst && (content === null || saved === revision)) {
      attempt.bySession = true
      const answer = await session.run(
        content === null ? removalText(table).trim().replace('\n', '; ') : `include "./${table}.nft"`,
      )
      attempt.bySession = false
      if (answer.kind === 'done') return null
      if (answer.kind === 'refused') return `nft refused the rules of ${table}: ${answer.why}`
      if (attempt.abort.signal.aborted) return 'nft did not answer'
    }
    const current = wanted
    attempt.revision = current.revision
    return byProcess(attempt, current.content)
  }

  const abandon = (attempt: Attempt): void => {
    attempts.delete(attempt)
    attempt.abort.abort(new LarderError('deadline', 'nft did not answer in time', { retry: true }))
    if (attempt.bySession) session.drop('it did not answer in time')
  }

  const settle = (): void => {
    for (const waiter of waiters) if (waiter.revision <= inForce) waiter.resolve()
  }

  const succeeded = (attempt: Attempt): void => {
    if (attempt.order < newestDone) {
      // A later one was quicker, and this one may have undone it: once more.
      if (attempt.revision === inForce) return
      inForce = -1
      untilInForce(wanted.revision).catch((error: unknown) => {
        log('warn', 'rules may have been undone by a change that came late', { table, error })
      })
      return
    }
    newestDone = attempt.order
    done = { began: attempt.since, ended: performance.now() }
    inForce = attempt.revision
    for (const other of attempts) if (other.order < attempt.order) abandon(other)
    settle()
  }

  const begin = (): void => {
    orders += 1
    const attempt: Attempt = {
      abort: new AbortController(),
      since: performance.now(),
      order: orders,
      revision: wanted.revision,
      bySession: false,
    }
    attempts.add(attempt)
    const timers = [setTimeout(pump, patienceMs), setTimeout(() => abandon(attempt), lifeMs)]
    void carryOut(attempt)
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      .then((failure) => {
        for (const timer of timers) clearTimeout(timer)
        attempts.delete(attempt)
        if (failure === null) succeeded(attempt)
        else if (attempts.size === 0 && !attempt.abort.signal.aborted) {
          const error = new LarderError('machine', failure, { retry: true })
          for (const waiter of waiters) if (waiter.revision <= attempt.revision) waiter.reject(error)
        }
        pump()
      })
  }

  const pump = (): void => {
    if (isClosed || waiters.size === 0 || inForce === wanted.revision) return
    const youngest = [...attempts].at(-1)
    if (youngest !== undefined && performance.now() - youngest.since < patienceMs - 1) return // its timer asks again
    const [oldest] = attempts
    if (attempts.size >= mostAttempts && oldest !== undefined) abandon(oldest)
    begin()
  }

  const untilInForce = (revision: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer)
        waiters.delete(waiter)
      }
      const waiter: Waiter = {
        revision,
        resolve: () => {
          leave()
          resolve()
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      const timer = setTimeout(
        () =>
          waiter.reject(
            new LarderError('deadline', `the rules of ${table} were not in force within ${deadlineMs} ms: nft does not answer`, {
              retry: true,
            }),
          ),
        deadlineMs,
      )
      waiters.add(waiter)
      pump()
    })

  const put = (content: StampedTable | null): Promise<void> => {
    if (isClosed)
      return Promise.reject(new LarderError('machine', 'rules can no longer be changed: Larder ends', { retry: true }))
    wanted = { revision: wanted.revision + 1, content }
    return untilInForce(wanted.revision)
  }

  return {
    get wanted() {
      return wanted.content
    },
    get isBusy() {
      return attempts.size > 0
    },
    get isInForce() {
      return inForce === wanted.revision
    },
    get done() {
      return done
    },
    put,
    again: () => put(wanted.content),
    save,
    close: () => {
      isClosed = true
      for (const attempt of attempts) attempt.abort.abort(new Error('Larder ends'))
      for (const waiter of waiters) waiter.reject(new LarderError('machine', 'Larder ends', { retry: true }))
    },
  }
}
