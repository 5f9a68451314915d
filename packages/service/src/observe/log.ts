/** What happened, as lines of JSON: time, level, message, fields. */
import type { Log } from '../ports/log.ts'

const describe = (value: unknown): unknown => {
  if (!(value instanceof Error)) return value
  return value.cause === undefined ? value.message : `${value.message} (because: ${String(describe(value.cause))})`
}

export const createLog =
  (write: (line: string) => void, now: () => number): Log =>
  (level, message, fields = {}) => {
    const described = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, describe(value)]))
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...described })}\n`)
  }
