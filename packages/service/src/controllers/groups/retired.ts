/** Tells groups that run an engine without security fixes. */
import { clusterEvents, type Happening, replicationGroupEvents } from '../../model/events.ts'
import type { GroupState } from '../../model/group.ts'
import { eventPrefix, groupName } from '../../model/keys.ts'
import type { EventRecord } from '../../model/records.ts'
import { whyRetired } from '../../model/retired-engines.ts'
import type { Clock } from '../../ports/clock.ts'
import { eventOperations } from '../../ports/events.ts'
import type { Log } from '../../ports/log.ts'
import { listRecords } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'

interface Options {
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** Eight hexadecimal digits, random. */
  readonly unique: () => string
}

const noticeOf = ({ nodes }: GroupState): string | null =>
  Object.values(nodes)
    .map((node) => whyRetired(node.engine, node.engineVersion))
    .find((why) => why !== null) ?? null

const eventOf = ({ region, space, id }: GroupState, notice: string): Happening =>
  (space === 'rg' ? replicationGroupEvents(region, id) : clusterEvents(region, id)).engineRetired(notice)

/** Each group once, as long as its events are kept. */
export const tellRetired = async ({ store, clock, log, unique }: Options): Promise<void> => {
  for (const { value: state } of (await listRecords<GroupState>(store, 'state/')).records) {
    const notice = noticeOf(state)
    if (notice === null) continue
    log('warn', notice, { group: groupName(state) })
    const event = eventOf(state, notice)
    const { records } = await listRecords<EventRecord>(store, eventPrefix(event.region))
    if (records.some(({ value }) => value.sourceId === event.sourceId && value.message === event.message)) continue
    await store.transact([], eventOperations([event], clock.now(), unique()))
  }
}
