/** Tells in time of what ends and cannot be renewed by itself: an authority that the user has brought, and certificates of nodes that take no other while they run. */
import { authorityMend, endNotice } from '../../model/authority-notice.ts'
import { clusterEvents, type Happening, replicationGroupEvents } from '../../model/events.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { eventPrefix } from '../../model/keys.ts'
import type { EventRecord } from '../../model/records.ts'
import type { Certificates } from '../../ports/certificates.ts'
import type { Clock } from '../../ports/clock.ts'
import { eventOperations } from '../../ports/events.ts'
import type { Log } from '../../ports/log.ts'
import { listRecords } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'

interface WatchOptions {
  readonly store: Store
  readonly certificates: Pick<Certificates, 'term'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** Eight hexadecimal digits, random. */
  readonly unique: () => string
}

const eventOf = (spec: GroupSpec, message: string): Happening =>
  spec.space === 'rg'
    ? replicationGroupEvents(spec.region, spec.id).certificateEnds(message)
    : clusterEvents(spec.region, spec.id).certificateEnds(message)

/** Each once; nothing happens where all of it has been told. */
export const tellEnds = async ({ store, certificates, clock, log, unique }: WatchOptions): Promise<void> => {
  const specs = (await listRecords<GroupSpec>(store, 'spec/')).records.map(({ value }) => value)
  const secure = specs.filter((spec) => spec.transitEncryption !== undefined)
  if (secure.length === 0) return
  const now = clock.now()
  const term = certificates.term()
  const authority = term === null || term.renewable ? null : endNotice('The certificate authority', term.endsAt, now)
  if (authority !== null) log('warn', authority, { mend: authorityMend })

  const wanted: Happening[] = authority === null ? [] : secure.map((spec) => eventOf(spec, authority))
  for (const { value: state } of (await listRecords<GroupState>(store, 'state/')).records) {
    const spec = secure.find(({ region, space, id }) => region === state.region && space === state.space && id === state.id)
    for (const { id, certificate } of Object.values(state.nodes)) {
      if (spec === undefined || certificate?.fixed !== true) continue
      const notice = endNotice(`The certificate of node ${id}`, certificate.endsAt, now)
      if (notice === null) continue
      log('warn', notice, { mend: 'reboot the node before: it takes no other certificate while it runs' })
      wanted.push(eventOf(spec, `${notice}; it gets another when it is rebooted`))
    }
  }
  for (const event of wanted) {
    const { records } = await listRecords<EventRecord>(store, eventPrefix(event.region))
    if (records.some(({ value }) => value.sourceId === event.sourceId && value.message === event.message)) continue
    await store.transact([], eventOperations([event], now, unique()))
  }
}
