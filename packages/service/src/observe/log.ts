/** What happened, as lines of JSON: time, level, message, fields. */
import type { Log } from '../ports/log.ts'

const describe = (value: unknown): unknown => {
  if (!(value instanceof Error)) return value
  return value.cause === undefined ? value.message : `${value.message} (because: ${String(describe(value.cause))})`
}

/** A line that cannot be written (a full disk) is lost, and later said to be: nothing else may fail for it. */
export const createLog = (write: (line: string) => void, now: () => number): Log => {
  let lost = 0
  const put = (level: string, message: string, fields: Readonly<Record<string, unknown>>): void => {
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...fields })}\n`)
  }
  return (level, message, fields = {}) => {
    const described = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, describe(value)]))
    try {
      if (lost > 0) put('warn', 'lines of this log could not be written', { lost })
      lost = 0
      put(level, message, described)
    } catch {
      lost += 1
    }
  }
}
