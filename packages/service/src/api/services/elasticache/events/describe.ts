import type { DescribeEventsMessage, EventsMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { eventPrefix } from '../../../../model/keys.ts'
import type { EventRecord, EventSource } from '../../../../model/records.ts'
import { eventKeyAt } from '../../../../ports/events.ts'
import { listRecords, type Versioned } from '../../../../ports/records.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { pageOf, pageRequest } from '../../../paging.ts'
import { type Interval, intervalOf } from './interval.ts'

const sourceTypes: Readonly<Record<EventSource, true>> = {
  'cache-cluster': true,
  'cache-parameter-group': true,
  'cache-security-group': true,
  'cache-subnet-group': true,
  'replication-group': true,
  'serverless-cache': true,
  'serverless-cache-snapshot': true,
  user: true,
  'user-group': true,
}

const checkSource = (input: DescribeEventsMessage): void => {
  if (input.SourceType !== undefined && !Object.hasOwn(sourceTypes, input.SourceType)) {
    throw invalidValue(`Invalid value ${input.SourceType} for SourceType. Must be one of ${Object.keys(sourceTypes).join(', ')}.`)
  }
  if (input.SourceIdentifier && input.SourceType === undefined) {
    throw invalidCombination('SourceType must be provided together with SourceIdentifier.')
  }
}

const chunk = 1_000

/** Every event of the interval, oldest first, read in pieces. */
const eventsOf = async (context: ActionContext, { from, to }: Interval): Promise<readonly Versioned<EventRecord>[]> => {
  const found: Versioned<EventRecord>[] = []
  let after = eventKeyAt(context.region, from)
  for (;;) {
    const { records } = await listRecords<EventRecord>(context.store, eventPrefix(context.region), { after, limit: chunk })
    found.push(...records.filter((record) => record.value.date <= to))
    const last = records.at(-1)
    if (records.length < chunk || last === undefined || last.value.date > to) return found
    after = last.key
  }
}

/** The start of the interval that the first page asked about, from the marker of a later one. */
const startOf = (marker: string): number => {
  const from = Number(marker.split(' ')[1] ?? Number.NaN)
  if (!Number.isSafeInteger(from)) throw invalidValue('The marker is not one that DescribeEvents gave.')
  return from
}

/**
 * The newest event first, as on AWS. The marker carries the start of the interval besides the last event: `the last hour` moves on
 * from page to page, and its oldest events would drop out before they are reached.
 */
export const describeEvents: Action<DescribeEventsMessage, EventsMessage> = async (input, context) => {
  const { after } = pageRequest(input)
  checkSource(input)
  const asked = intervalOf(input, context.clock.now())
  const interval = after === null ? asked : { from: startOf(after), to: asked.to }
  const wanted = input.SourceIdentifier?.toLowerCase() ?? ''
  const events = (await eventsOf(context, interval)).filter(
    ({ value }) =>
      (input.SourceType === undefined || value.source === input.SourceType) && (wanted === '' || value.sourceId === wanted),
  )
  const { items, marker } = pageOf(events.toReversed(), (event) => `${event.key} ${interval.from}`, input, 'descending')
  return {
    Marker: marker,
    Events: items.map(({ value }) => ({
      SourceIdentifier: value.sourceId,
      SourceType: value.source,
      Message: value.message,
      Date: new Date(value.date),
    })),
  }
}
