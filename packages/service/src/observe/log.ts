/** What happened, as lines of JSON: time, level, message, fields. The same words a few times a minute; how often more is said afterwards. */
import type { Log, LogLevel } from '../ports/log.ts'
import { createRepeats } from './repeats.ts'
import { jsonLine } from './visible.ts'

const describe = (value: unknown): unknown => {
  if (!(value instanceof Error)) return value
  return value.cause === undefined ? value.message : `${value.message} (because: ${String(describe(value.cause))})`
}

/** Of the same words in a minute. What is told as news (the steps of a switch) is rarely the same. */
const mostRepeats: Readonly<Record<LogLevel, number>> = { debug: 5, info: 30, warn: 5, error: 5 }
/** Of one message in a minute, whatever its fields say. */
const mostOfMessage = 300
const sumUpMs = 60_000

/** Fields that differ each time, and say nothing new. */
const passing: ReadonlySet<string> = new Set(['afterMs', 'pid', 'stillMs', 'requestId', 'lagMs'])
const longestKey = 500

/** What is the same about two lines. The words of an error hold numbers (of processes, times) that differ. */
const keyOf = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string => {
  const parts = Object.entries(fields)
    .filter(([name]) => !passing.has(name))
    .map(([name, value]) => (name === 'error' ? String(value).replaceAll(/\d+/g, '#') : `${name}=${JSON.stringify(value)}`))
  return [level, message, ...parts].join(' ').slice(0, longestKey)
}

interface Said {
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface SummingLog extends Log {
  /** Says now what it has held back. */
  sumUp(): void
}

/** A line that cannot be written (a full disk) is lost, and later said to be: nothing else may fail for it. */
export const createLog = (
  write: (line: string) => void,
  now: () => number,
  steady: () => number = () => performance.now(),
): SummingLog => {
  let lost = 0
  let isTimed = false
  const repeats = createRepeats<Said>(steady)
  const messages = createRepeats<Said>(steady)

  const put = (level: string, message: string, fields: Readonly<Record<string, unknown>>): void => {
    write(jsonLine({ time: new Date(now()).toISOString(), level, message }, fields))
  }
  const putOrLose = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void => {
    try {
      if (lost > 0) put('warn', 'lines of this log could not be written', { lost })
      lost = 0
      put(level, message, fields)
    } catch {
      lost += 1
    }
  }
  const sumUp = (all: boolean): void => {
    for (const { last, held } of [...repeats.ended(all), ...messages.ended(all)])
      putOrLose(last.level, last.message, { ...last.fields, repeated: held, during: 'the last minute' })
  }
  const sumUpLater = (): void => {
    if (isTimed) return
    isTimed = true
    setTimeout(() => {
      isTimed = false
      sumUp(false)
      if (repeats.holds() || messages.holds()) sumUpLater()
    }, sumUpMs).unref()
  }

  const log: Log = (level, message, fields = {}) => {
    const described = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, describe(value)]))
    const isNews =
      repeats.take(keyOf(level, message, described), mostRepeats[level], { level, message, fields: described }) &&
      messages.take(`${level} ${message}`, mostOfMessage, { level, message, fields: {} })
    sumUp(false)
    if (isNews) putOrLose(level, message, described)
    else sumUpLater()
  }
  return Object.assign(log, { sumUp: () => sumUp(true) })
}
