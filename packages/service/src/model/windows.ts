/** Weekly maintenance windows (`sun:23:00-mon:01:30`) and daily snapshot windows (`05:00-09:00`), all in UTC. */
import { createHash } from 'node:crypto'
import { invalidValue } from '../errors.ts'
import { awsTexts } from './aws-texts.ts'

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const dayMinutes = 24 * 60
const weekMinutes = 7 * dayMinutes
const shortest = 60

const two = (n: number): string => String(n).padStart(2, '0')
const clock = (minute: number): string => `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`

const minuteOf = (hours: string | undefined, minutes: string | undefined): number => {
  const h = Number(hours)
  const m = Number(minutes)
  return h < 24 && m < 60 ? h * 60 + m : Number.NaN
}

interface Span {
  /** Minutes since the start of the week (Sunday) or of the day. */
  readonly start: number
  readonly length: number
}

const weekly = (text: string): Span | null => {
  const match = /^([a-z]{3}):(\d\d):(\d\d)-([a-z]{3}):(\d\d):(\d\d)$/.exec(text)
  if (match === null) return null
  const fromDay = days.findIndex((day) => day === match[1])
  const toDay = days.findIndex((day) => day === match[4])
  const start = fromDay * dayMinutes + minuteOf(match[2], match[3])
  const end = toDay * dayMinutes + minuteOf(match[5], match[6])
  if (fromDay < 0 || toDay < 0 || Number.isNaN(start + end)) return null
  return { start, length: (end - start + weekMinutes) % weekMinutes }
}

const daily = (text: string): Span | null => {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text)
  if (match === null) return null
  const start = minuteOf(match[1], match[2])
  const end = minuteOf(match[3], match[4])
  return Number.isNaN(start + end) ? null : { start, length: (end - start + dayMinutes) % dayMinutes }
}

/** The normal form. Throws `InvalidParameterValueException`. */
export const maintenanceWindow = (text: string): string => {
  const lower = text.toLowerCase()
  const span = weekly(lower)
  if (span === null)
    throw invalidValue(`Invalid maintenance window: expected ddd:hh24:mi-ddd:hh24:mi, found ${text.slice(0, 60)}`)
  if (span.length < shortest)
    throw invalidValue(`Invalid maintenance window: it must be at least ${shortest} minutes long, found ${lower}`)
  return lower
}

/** The normal form. Throws `InvalidParameterValueException`. */
export const snapshotWindow = (text: string): string => {
  const span = daily(text)
  if (span === null) throw invalidValue(`Invalid snapshot window: expected hh24:mi-hh24:mi, found ${text.slice(0, 60)}`)
  if (span.length < shortest) throw awsTexts.shortSnapshotWindow()
  return text
}

export const windowsOverlap = (maintenance: string, snapshot: string): boolean => {
  const week = weekly(maintenance)
  const day = daily(snapshot)
  if (week === null || day === null) return false
  return days.some((_, index) => {
    const start = index * dayMinutes + day.start
    return (
      (start - week.start + weekMinutes) % weekMinutes < week.length ||
      (week.start - start + weekMinutes) % weekMinutes < day.length
    )
  })
}

/** AWS does not let the two overlap. Throws `InvalidParameterCombinationException`. */
export const checkWindowsApart = (maintenance: string, snapshot: string): void => {
  if (windowsOverlap(maintenance, snapshot)) throw awsTexts.windowsOverlap()
}

/** `now` is milliseconds since 1970. */
export const inMaintenanceWindow = (window: string, now: number): boolean => {
  const span = weekly(window)
  if (span === null) return false
  const date = new Date(now)
  const minute = date.getUTCDay() * dayMinutes + date.getUTCHours() * 60 + date.getUTCMinutes()
  return (minute - span.start + weekMinutes) % weekMinutes < span.length
}

const numberOf = (seed: string): number => createHash('sha256').update(seed).digest().readUInt32BE(0)

/** One hour at a half hour of the week, the same for the same seed. */
export const pickMaintenanceWindow = (seed: string): string => {
  const start = (numberOf(`maintenance ${seed}`) % (weekMinutes / 30)) * 30
  const end = (start + shortest) % weekMinutes
  const name = (minute: number): string => `${days[Math.floor(minute / dayMinutes)] ?? 'sun'}:${clock(minute % dayMinutes)}`
  return `${name(start)}-${name(end)}`
}

/** One hour of the day that does not overlap the maintenance window, where there is one. */
export const pickSnapshotWindow = (seed: string, maintenance: string): string => {
  const first = numberOf(`snapshot ${seed}`) % (dayMinutes / 30)
  const candidates = Array.from({ length: dayMinutes / 30 }, (_, index) => {
    const start = ((first + index) * 30) % dayMinutes
    return `${clock(start)}-${clock((start + shortest) % dayMinutes)}`
  })
  return candidates.find((candidate) => !windowsOverlap(maintenance, candidate)) ?? candidates[0] ?? '00:00-01:00'
}
