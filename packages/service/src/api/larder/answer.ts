/** Larder's own operations, beside those of AWS: the drill of losing an availability zone. Query protocol, service name `larder`. */
import { Fault, invalidValue } from '../../errors.ts'
import { type ZoneRecord, zoneKey, zonePrefix } from '../../model/zone-records.ts'
import { zonesOf } from '../../model/zones.ts'
import { listRecords, put, readRecord, remove } from '../../ports/records.ts'
import type { ActionContext } from '../action.ts'
import { escapeXml } from '../wire/xml.ts'

export const larderVersion = '2026-01-01'
export const larderNamespace = 'urn:larder:2026-01-01'

type Parameters = ReadonlyMap<string, string>
type Operation = (parameters: Parameters, context: ActionContext) => Promise<string>

const zoneOf = (parameters: Parameters, context: ActionContext): string => {
  const zone = parameters.get('Zone') ?? ''
  const zones = zonesOf(context.region)
  if (zones.includes(zone)) return zone
  throw invalidValue(`Expected Zone to be one of ${zones.join(', ')}, found ${zone.slice(0, 60) || 'nothing'}.`)
}

const describeZones: Operation = async (_parameters, context) => {
  const { records } = await listRecords<ZoneRecord>(context.store, zonePrefix(context.region))
  const down = new Map(records.map(({ value }) => [value.zone, value.downSince]))
  return zonesOf(context.region)
    .map((zone) => {
      const since = down.get(zone)
      const state = since === undefined ? 'up' : 'down'
      const downSince = since === undefined ? '' : `<DownSince>${new Date(since).toISOString()}</DownSince>`
      return `<Zone><ZoneName>${escapeXml(zone)}</ZoneName><State>${state}</State>${downSince}</Zone>`
    })
    .join('')
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

const operations: ReadonlyMap<string, Operation> = new Map([
  ['DescribeZones', describeZones],
  ['StopZone', stopZone],
  ['StartZone', startZone],
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
  return `<${name}Response xmlns="${larderNamespace}"><${name}Result><Zones>${result}</Zones></${name}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`
}
