import type { DescribeEventsMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { eventRetentionMs } from '../../../../ports/events.ts'

/** Both ends included, milliseconds since 1970. */
export interface Interval {
  readonly from: number
  readonly to: number
}

const minute = 60_000
const hour = 60 * minute
const mostMinutes = eventRetentionMs / minute

const time = (name: string, value: Date | undefined): number | null => {
  if (value === undefined) return null
  const ms = value.getTime()
  if (Number.isNaN(ms)) throw invalidValue(`Invalid value for ${name}. Must be a date in ISO 8601 form.`)
  return ms
}

/**
 * The time that a request asks about; the last hour when it does not say. An end alone means the hour before it, a start alone all
 * since then. A duration counts only where neither is given. Nothing is older than 14 days.
 * Throws `InvalidParameterValueException`, `InvalidParameterCombinationException`.
 */
export const intervalOf = (input: DescribeEventsMessage, now: number): Interval => {
  const minutes = input.Duration
  if (minutes !== undefined && (!Number.isInteger(minutes) || minutes < 1 || minutes > mostMinutes)) {
    throw invalidValue(`Invalid value ${minutes} for Duration. Must be between 1 and ${mostMinutes} minutes (14 days).`)
  }
  const start = time('StartTime', input.StartTime)
  const end = time('EndTime', input.EndTime)
  if (start !== null && end !== null && start > end) {
    throw invalidCombination('The start time must not be later than the end time.')
  }
  const length = minutes === undefined || end !== null ? hour : minutes * minute
  const to = end ?? now
  return { from: Math.max(start ?? to - length, now - eventRetentionMs), to }
}
