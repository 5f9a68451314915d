/** DescribeRegions, DescribeAvailabilityZones, DescribeAccountAttributes: what tools ask before they make anything. */
import { Fault } from '../../../errors.ts'
import { defaultVpc } from '../../../model/network.ts'
import { isRegion, usualRegions, zoneId, zonesOf } from '../../../model/zones.ts'
import { element, filterOf, items, listOf, refuseDryRun, refuseOthers } from '../../protocols/ec2.ts'
import type { Ec2Operation } from './groups.ts'

const endpointOf = (region: string): string => `ec2.${region}.amazonaws.com`
const optIn = 'opt-in-not-required'

export const describeRegions: Ec2Operation = async (parameters, { region: own }) => {
  refuseOthers(parameters, ['RegionName', 'Filter', 'AllRegions'])
  refuseDryRun(parameters)
  const names = listOf(parameters, 'RegionName')
  const wrong = names.find((name) => !isRegion(name))
  if (wrong !== undefined)
    throw new Fault(
      'InvalidParameterValue',
      `Invalid region names provided: (${wrong.slice(0, 60)}). Expected one like us-east-1.`,
    )
  const meets = filterOf<string>(parameters, {
    'region-name': (name) => [name],
    endpoint: (name) => [endpointOf(name)],
    'opt-in-status': () => [optIn],
  })
  const all = names.length > 0 ? names : [...new Set([...usualRegions, own])]
  const shown = all
    .toSorted()
    .filter(meets)
    .map((name) => element('regionName', name) + element('regionEndpoint', endpointOf(name)) + element('optInStatus', optIn))
  return items('regionInfo', shown)
}

export const describeAvailabilityZones: Ec2Operation = async (parameters, { region }) => {
  refuseOthers(parameters, ['ZoneName', 'ZoneId', 'Filter', 'AllAvailabilityZones'])
  refuseDryRun(parameters)
  const [names, ids] = [listOf(parameters, 'ZoneName'), listOf(parameters, 'ZoneId')]
  const zones = zonesOf(region)
  const wrong = names.find((name) => !zones.includes(name)) ?? ids.find((id) => !zones.some((zone) => zoneId(zone) === id))
  if (wrong !== undefined)
    throw new Fault(
      'InvalidParameterValue',
      `Invalid availability zone: [${wrong.slice(0, 60)}]. Expected one of ${zones.join(', ')}.`,
    )
  const meets = filterOf<string>(parameters, {
    'zone-name': (zone) => [zone],
    'zone-id': (zone) => [zoneId(zone)],
    'zone-type': () => ['availability-zone'],
    'region-name': () => [region],
    state: () => ['available'],
    'opt-in-status': () => [optIn],
    'group-name': () => [region],
    'group-long-name': () => [region],
    'parent-zone-id': () => [],
    'parent-zone-name': () => [],
  })
  const named = zones.filter((zone) => names.length + ids.length === 0 || names.includes(zone) || ids.includes(zoneId(zone)))
  const shown = named
    .filter(meets)
    .map(
      (zone) =>
        element('optInStatus', optIn) +
        element('regionName', region) +
        element('zoneName', zone) +
        element('zoneId', zoneId(zone)) +
        element('zoneType', 'availability-zone') +
        element('zoneState', 'available') +
        element('groupName', region) +
        element('networkBorderGroup', region) +
        '<messageSet/>',
    )
  return items('availabilityZoneInfo', shown)
}

/** The words of EC2; limits that mean nothing here are what a new account has. */
export const describeAccountAttributes: Ec2Operation = async (parameters, { region, account }) => {
  refuseOthers(parameters, ['AttributeName'])
  refuseDryRun(parameters)
  const values: Readonly<Record<string, string>> = {
    'supported-platforms': 'VPC',
    'default-vpc': defaultVpc(region, account).id,
    'max-instances': '20',
    'vpc-max-security-groups-per-interface': '5',
    'max-elastic-ips': '5',
    'vpc-max-elastic-ips': '5',
  }
  const names = listOf(parameters, 'AttributeName')
  const wrong = names.find((name) => !Object.hasOwn(values, name))
  if (wrong !== undefined)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${wrong.slice(0, 60)}) for parameter attributeName is invalid. Expected one of ${Object.keys(values).join(', ')}.`,
    )
  const shown = Object.entries(values).flatMap(([name, value]) =>
    names.length > 0 && !names.includes(name)
      ? []
      : [element('attributeName', name) + items('attributeValueSet', [element('attributeValue', value)])],
  )
  return items('accountAttributeSet', shown)
}
