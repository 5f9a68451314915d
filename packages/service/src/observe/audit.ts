/**
 * Who called what: a line of JSON for each call of the API. No parameters: some of them are secrets. Calls of those whom nobody knows go to a file of their own,
 * some of them in each minute, the others counted: they push nothing out of the other file.
 */
import type { Log } from '../ports/log.ts'
import { jsonLine } from './visible.ts'

/** All of them are cut: a caller chooses most of them freely. */
export interface AuditRecord {
  /** Null: who it was could not be told. */
  readonly arn: string | null
  readonly accessKeyId: string | null
  /** `elasticache:CreateReplicationGroup`; null: the request did not get that far. */
  readonly action: string | null
  /** ARNs, or `*`. */
  readonly resources: readonly string[]
  readonly region: string | null
  readonly sourceAddress: string | null
  readonly userAgent: string | null
  /** `unauthenticated`: no valid signature; `undecided`: refused before anybody asked whether it is allowed. */
  readonly decision: 'allowed' | 'denied' | 'unauthenticated' | 'undecided'
  /** As the caller got it; null: none. */
  readonly errorCode: string | null
  readonly requestId: string
  /** Why, where the caller is not told. */
  readonly reason?: string
}

export type Audit = (record: AuditRecord) => void

export interface SummingAudit extends Audit {
  /** Says now how many calls it has only counted. */
  sumUp(): void
}

interface AuditFiles {
  readonly audit: (line: string) => void
  readonly rejected: (line: string) => void
}

const longest = 256
const cut = (text: string | null): string | null =>
  text === null || text.length <= longest ? text : `${text.slice(0, longest)}...`
const mostResources = 50
/** Of the calls of strangers in a minute, one by one. */
const mostRejected = 60
const minuteMs = 60_000
/** Sources and codes that are counted each by itself. */
const mostCounted = 20

/** A line that cannot be written (a full disk) is lost, and later said to be, here and in the log: no call fails for it. */
const openFile = (write: (line: string) => void, now: () => number, lostWords: string, log: Log) => {
  let lost = 0
  const put = (fields: Readonly<Record<string, unknown>>): void =>
    write(jsonLine({ time: new Date(now()).toISOString() }, fields))
  return (fields: Readonly<Record<string, unknown>>): void => {
    try {
      if (lost > 0) put({ lost })
      lost = 0
      put(fields)
    } catch (error) {
      if (lost === 0) log('warn', lostWords, { error })
      lost += 1
    }
  }
}

const count = (counts: Map<string, number>, name: string): void => {
  const key = counts.has(name) || counts.size < mostCounted ? name : 'others'
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

interface Minute {
  readonly since: number
  readonly from: number
  written: number
  counted: number
  readonly sources: Map<string, number>
  readonly errorCodes: Map<string, number>
}

export const createAudit = (
  files: AuditFiles,
  now: () => number,
  log: Log,
  steady: () => number = () => performance.now(),
): SummingAudit => {
  const audit = openFile(files.audit, now, 'lines of the audit log cannot be written', log)
  const rejected = openFile(files.rejected, now, 'lines of the log of rejected calls cannot be written', log)
  const begin = (): Minute => ({
    since: steady(),
    from: now(),
    written: 0,
    counted: 0,
    sources: new Map(),
    errorCodes: new Map(),
  })
  let minute = begin()
  let timer: NodeJS.Timeout | null = null

  const sumUp = (): void => {
    const { counted, from, sources, errorCodes } = minute
    minute = begin()
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (counted === 0) return
    const counts = { sources: Object.fromEntries(sources), errorCodes: Object.fromEntries(errorCodes) }
    rejected({ alsoRejected: counted, since: new Date(from).toISOString(), ...counts })
  }

  const reject = (record: AuditRecord, fields: Readonly<Record<string, unknown>>): void => {
    if (steady() - minute.since >= minuteMs) sumUp()
    if (minute.written < mostRejected) {
      minute.written += 1
      rejected(fields)
      return
    }
    minute.counted += 1
    count(minute.sources, record.sourceAddress ?? 'unknown')
    count(minute.errorCodes, record.errorCode ?? 'none')
    timer ??= setTimeout(sumUp, minuteMs).unref()
  }

  const write = (record: AuditRecord): void => {
    const texts = Object.entries(record).map(([name, value]) => [name, typeof value === 'string' ? cut(value) : value])
    const fields = { ...Object.fromEntries(texts), resources: record.resources.slice(0, mostResources).map(cut) }
    if (record.arn === null) reject(record, fields)
    else audit(fields)
  }
  return Object.assign(write, { sumUp })
}
