/**
 * Larder's own operations, beside those of AWS: the drill of losing an availability zone, new certificates, planned switches, the state of all nodes.
 * Query protocol, service name `larder`.
 */
import { Fault, invalidValue, LarderError } from '../../../errors.ts'
import type { GroupSpec } from '../../../model/group.ts'
import { specKey } from '../../../model/keys.ts'
import { type ZoneRecord, zoneKey, zonePrefix } from '../../../model/zone-records.ts'
import { zonesOf } from '../../../model/zones.ts'
import { listRecords, put, readRecord, remove, unchanged } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { escapeXml } from '../../protocols/query/xml.ts'
import { larderNamespace } from '../../versions.ts'
import { switchPrimary } from '../elasticache/replication-groups/test-failover.ts'

type Parameters = ReadonlyMap<string, string>
type Operation = (parameters: Parameters, context: ActionContext) => Promise<string>

const mostTries = 20

/** Compare-and-set until it holds. */
const changeRecord = async <T>(store: ActionContext['store'], key: string, change: (value: T) => T): Promise<void> => {
  for (let tried = 0; tried < mostTries; tried += 1) {
    const record = await readRecord<T>(store, key)
    if (record === null) return
    const result = await store.transact([unchanged(record)], [put(key, change(record.value))])
    if (result.ok) return
  }
  throw new LarderError('store-busy', `${key} was changed by others too often`, { retry: true })
}

const zoneOf = (parameters: Parameters, context: ActionContext): string => {
  const zone = parameters.get('Zone') ?? ''
  const zones = zonesOf(context.region)
  if (zones.includes(zone)) return zone
  throw invalidValue(`Expected Zone to be one of ${zones.join(', ')}, found ${zone.slice(0, 60) || 'nothing'}.`)
}

const describeZones: Operation = async (_parameters, context) => {
  const { records } = await listRecords<ZoneRecord>(context.store, zonePrefix(context.region))
  const down = new Map(records.map(({ value }) => [value.zone, value.downSince]))
  const zones = zonesOf(context.region)
    .map((zone) => {
      const since = down.get(zone)
      const state = since === undefined ? 'up' : 'down'
      const downSince = since === undefined ? '' : `<DownSince>${new Date(since).toISOString()}</DownSince>`
      return `<Zone><ZoneName>${escapeXml(zone)}</ZoneName><State>${state}</State>${downSince}</Zone>`
    })
    .join('')
  return `<Zones>${zones}</Zones>`
}

const stopZone: Operation = async (parameters, context) => {
  const zone = zoneOf(parameters, context)
  const key = zoneKey(context.region, zone)
  if ((await readRecord<ZoneRecord>(context.store, key)) === null) {
    const record: ZoneRecord = { region: context.region, zone, downSince: context.clock.now() }
    await context.store.transact([], [put(key, record)])
  }
  return describeZones(parameters, context)
}

const startZone: Operation = async (parameters, context) => {
  await context.store.transact([], [remove(zoneKey(context.region, zoneOf(parameters, context)))])
  return describeZones(parameters, context)
}

/** Every group of the region that speaks TLS gets new certificates. */
const rotateCertificates: Operation = async (_parameters, context) => {
  const { records } = await listRecords<GroupSpec>(context.store, `spec/${context.region}/`)
  const groups = records.filter(({ value }) => value.transitEncryption !== undefined && value.deletion === null)
  for (const { value } of groups) {
    await changeRecord<GroupSpec>(context.store, specKey(value), (spec) => ({
      ...spec,
      certificateRound: (spec.certificateRound ?? 0) + 1,
    }))
  }
  return groups.map(({ value }) => `<Group>${escapeXml(value.id)}</Group>`).join('')
}

/** What `larder status --json` shows, as one text of JSON. */
const describeStatus: Operation = async (_parameters, context) => {
  if (context.report === undefined) throw new LarderError('machine', 'this service cannot tell how its nodes are')
  return `<Report>${escapeXml(JSON.stringify(await context.report()))}</Report>`
}

/** A planned switch, as TestFailover makes it, without AWS's 15 a day. */
const failOver: Operation = async (parameters, context) => {
  const [ReplicationGroupId, NodeGroupId] = [parameters.get('ReplicationGroupId'), parameters.get('NodeGroupId')]
  await switchPrimary({ ReplicationGroupId, NodeGroupId }, context)
  return `<Group>${escapeXml(ReplicationGroupId ?? '')}</Group>`
}

const operations: ReadonlyMap<string, Operation> = new Map([
  ['DescribeZones', describeZones],
  ['StopZone', stopZone],
  ['StartZone', startZone],
  ['RotateCertificates', rotateCertificates],
  ['DescribeStatus', describeStatus],
  ['Failover', failOver],
])

/** Throws `InvalidAction` for every other operation, `InvalidParameterValueException` for a zone that the region does not have. */
export const answerLarder = async (
  name: string,
  parameters: Parameters,
  context: ActionContext,
  requestId: string,
): Promise<string> => {
  const operation = operations.get(name)
  if (operation === undefined) {
    const known = [...operations.keys()].join(', ')
    throw new Fault('InvalidAction', `Could not find operation ${name.slice(0, 100)} of Larder; it has ${known}.`)
  }
  const result = await operation(parameters, context)
  return `<${name}Response xmlns="${larderNamespace}"><${name}Result>${result}</${name}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`
}
