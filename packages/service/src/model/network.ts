import type { SubnetGroupRecord } from './records.ts'
import { zonesOf } from './zones.ts'

/**
 * What every region has: one default VPC with one default subnet in each zone, as every new AWS account. Nothing of it is stored before somebody
 * changes it; the ids follow from the region and the account. Other VPCs and subnets are made by the operations of EC2 (model/vpc.ts).
 *
 * Subnets that nobody made. AWS refuses their ids in a subnet group, and so do we; with LARDER_SUBNETS=any, for configurations whose network is of
 * another emulator, any well-formed id is taken for a subnet of the default VPC. It keeps the zone that another subnet group of the region already
 * gave it; a new id gets the zone that has the fewest subnets in the group, so that three subnets are always three zones, whatever their names.
 */
export interface Subnet {
  readonly id: string
  /** `us-east-1a` */
  readonly zone: string
}

export interface Vpc {
  readonly id: string
  readonly subnets: readonly Subnet[]
}

/** 17 hex digits that depend on all of the text (FNV-1a, three times with different offsets): an id, not a secret. */
export const hexOf = (text: string): string => {
  const word = (offset: number): string => {
    let hash = offset
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    return (hash >>> 0).toString(16).padStart(8, '0')
  }
  return (word(0x811c9dc5) + word(0x050c5d1f) + word(0x2b3e4f61)).slice(0, 17)
}

export const defaultVpc = (region: string, account: string): Vpc => ({
  id: `vpc-${hexOf(`${account}/${region}/vpc`)}`,
  subnets: zonesOf(region).map((zone) => ({ id: `subnet-${hexOf(`${account}/${region}/subnet/${zone}`)}`, zone })),
})

export const defaultSubnetGroupName = 'default'

/** The subnet group that every region has without anybody making it: the default subnets of the default VPC. */
export const defaultSubnetGroup = (region: string, account: string): SubnetGroupRecord => {
  const { id, subnets } = defaultVpc(region, account)
  return { region, name: defaultSubnetGroupName, description: 'Default CacheSubnetGroup', vpcId: id, subnets, tags: [] }
}

/** EC2's ids have 8 hexadecimal digits (before 2018) or 17. */
export const isSubnetId = (text: string): boolean => /^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(text)

/**
 * The zone of each subnet. `known` are subnets whose zone is settled; the others are spread (see above).
 * Ids that are named twice count once; the order stays.
 */
export const placeSubnets = (ids: readonly string[], region: string, known: readonly Subnet[]): readonly Subnet[] => {
  const settled = new Map(known.map((subnet) => [subnet.id, subnet.zone]))
  const named = [...new Set(ids)]
  const load = new Map(zonesOf(region).map((zone) => [zone, 0]))
  const count = (zone: string): void => void load.set(zone, (load.get(zone) ?? 0) + 1)
  for (const id of named) {
    const zone = settled.get(id)
    if (zone !== undefined) count(zone)
  }
  return named.map((id) => {
    const zone = settled.get(id) ?? [...load].reduce((least, next) => (next[1] < least[1] ? next : least))[0]
    if (!settled.has(id)) count(zone)
    return { id, zone }
  })
}
