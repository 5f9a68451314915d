/** Who called what: a line of JSON for each call of the API. No parameters: some of them are secrets. */
import type { Log } from '../ports/log.ts'

/** Those that a caller chooses freely are cut. */
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
}

export type Audit = (record: AuditRecord) => void

const longest = 256
const cut = (text: string | null): string | null =>
  text === null || text.length <= longest ? text : `${text.slice(0, longest)}...`
const mostResources = 50

/** A line that cannot be written (a full disk) is lost, and later said to be, here and in the log: no call fails for it. */
export const createAudit = (write: (line: string) => void, now: () => number, log: Log): Audit => {
  let lost = 0
  const put = (fields: Readonly<Record<string, unknown>>): void =>
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), ...fields })}\n`)
  return (record) => {
    try {
      if (lost > 0) put({ lost })
      lost = 0
      put({
        ...record,
        action: cut(record.action),
        resources: record.resources.slice(0, mostResources).map(cut),
        userAgent: cut(record.userAgent),
      })
    } catch (error) {
      if (lost === 0) log('warn', 'lines of the audit log cannot be written', { error })
      lost += 1
    }
  }
}
