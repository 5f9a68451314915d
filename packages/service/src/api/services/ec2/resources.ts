/** What has an id and tags in EC2: where each kind is kept, what is there without anybody making it, and how it is found. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../../../errors.ts'
import type { Tag } from '../../../model/group.ts'
import { hexOf } from '../../../model/network.ts'
import {
  type ElasticIpRecord,
  type InternetGatewayRecord,
  type NatGatewayRecord,
  type NetworkAclRecord,
  type RouteTableRecord,
  type SubnetRecord,
  usualNetwork,
  usualSubnetCidr,
  type VpcRecord,
} from '../../../model/vpc.ts'
import { zoneIndex } from '../../../model/zones.ts'
import { absent, listRecords, put, readRecord, unchanged } from '../../../ports/records.ts'
import type { Condition, Operation } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'
import {
  type Filterable,
  filterOf,
  items,
  listOf,
  type Parameters,
  pageOf,
  refuseDryRun,
  refuseOthers,
} from '../../protocols/ec2.ts'
import { storedSubnetGroups } from '../elasticache/subnet-groups/stored.ts'

export interface Resource {
  readonly region: string
  readonly id: string
  readonly tags: readonly Tag[]
}

export type Place = Pick<ActionContext, 'store' | 'region' | 'account'>

export interface Kind<R extends Resource> {
  /** Of its ids. */
  readonly prefix: string
  /** As tags and ARNs call it. */
  readonly type: string
  /** Of its keys in the store. */
  readonly folder: string
  readonly notFound: string
  /** As the text of that fault calls it. */
  readonly label: string
  /** Those that are there before they are stored. */
  readonly usual: (place: Place) => Promise<readonly R[]> | readonly R[]
}

const kind = <R extends Resource>(of: Kind<R>): Kind<R> => of

const network = ({ region, account }: Place) => usualNetwork(region, account)

export const vpcs = kind<VpcRecord>({
  ...{ prefix: 'vpc', type: 'vpc', folder: 'vpc', notFound: 'InvalidVpcID.NotFound', label: 'vpc' },
  usual: (place) => [network(place).vpc],
})

export const subnets = kind<SubnetRecord>({
  ...{ prefix: 'subnet', type: 'subnet', folder: 'subnet', notFound: 'InvalidSubnetID.NotFound', label: 'subnet' },
  /** Also those that subnet groups name and nobody made (model/network.ts): their zone is settled there. */
  usual: async (place) => {
    const { subnets: usual, vpc } = network(place)
    const named = (await storedSubnetGroups(place)).flatMap((group) => group.subnets)
    const others = new Map(named.map(({ id, zone }) => [id, zone]))
    for (const { id } of usual) others.delete(id)
    const shown = { region: place.region, vpc: vpc.id, flags: {}, usual: false, tags: [] }
    return [...usual, ...[...others].map(([id, zone]) => ({ ...shown, id, zone, cidr: usualSubnetCidr(zoneIndex(zone)) }))]
  },
})

export const routeTables = kind<RouteTableRecord>({
  ...{ prefix: 'rtb', type: 'route-table', folder: 'routetable', notFound: 'InvalidRouteTableID.NotFound', label: 'routeTable' },
  usual: (place) => [network(place).routeTable],
})

export const networkAcls = kind<NetworkAclRecord>({
  ...{ prefix: 'acl', type: 'network-acl', folder: 'networkacl', notFound: 'InvalidNetworkAclID.NotFound', label: 'networkAcl' },
  usual: (place) => [network(place).acl],
})

export const internetGateways = kind<InternetGatewayRecord>({
  ...{ prefix: 'igw', type: 'internet-gateway', folder: 'internetgateway' },
  ...{ notFound: 'InvalidInternetGatewayID.NotFound', label: 'internetGateway' },
  usual: (place) => [network(place).gateway],
})

export const elasticIps = kind<ElasticIpRecord>({
  ...{
    prefix: 'eipalloc',
    type: 'elastic-ip',
    folder: 'elasticip',
    notFound: 'InvalidAllocationID.NotFound',
    label: 'allocation',
  },
  usual: () => [],
})

export const natGateways = kind<NatGatewayRecord>({
  ...{ prefix: 'nat', type: 'natgateway', folder: 'natgateway', notFound: 'NatGatewayNotFound', label: 'NatGateway' },
  usual: () => [],
})

/** All but security groups, which have names (find.ts). */
export const kinds: readonly Kind<Resource>[] = [
  vpcs,
  subnets,
  routeTables,
  networkAcls,
  internetGateways,
  elasticIps,
  natGateways,
]

export const keyOf = ({ folder }: Pick<Kind<Resource>, 'folder'>, region: string, id: string): string =>
  `${folder}/${region}/${id}`

export const newId = ({ prefix }: Pick<Kind<Resource>, 'prefix'>): string =>
  `${prefix}-${randomBytes(9).toString('hex').slice(0, 17)}`

export const arnOf = ({ region, account }: Pick<Place, 'region' | 'account'>, type: string, id: string): string =>
  `arn:aws:ec2:${region}:${account}:${type}/${id}`

const isId = (text: string): boolean => /^[a-z]+-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(text)

/** By its prefix. */
export const kindOfId = (id: string): Kind<Resource> | undefined =>
  kinds.find(({ prefix }) => id.startsWith(`${prefix}-`) && isId(id))

/** A resource, and what must hold when a change is written that rests on it. */
export interface Found<R extends Resource> {
  readonly key: string
  readonly value: R
  readonly condition: Condition
}

const notFound = (of: Pick<Kind<Resource>, 'notFound' | 'label'>, id: string): Fault =>
  new Fault(of.notFound, `The ${of.label} ID '${id.slice(0, 100)}' does not exist`)

/** Null: there is none of this id. */
export const readOf = async <R extends Resource>(place: Place, of: Kind<R>, id: string): Promise<Found<R> | null> => {
  if (!id.startsWith(`${of.prefix}-`) || !isId(id)) return null
  const key = keyOf(of, place.region, id)
  const stored = await readRecord<R>(place.store, key)
  if (stored !== null) return { key, value: stored.value, condition: unchanged(stored) }
  const usual = (await of.usual(place)).find((each) => each.id === id)
  return usual === undefined ? null : { key, value: usual, condition: absent(key) }
}

/** Throws the kind's fault that says that it is not there. */
export const findOf = async <R extends Resource>(place: Place, of: Kind<R>, id: string): Promise<Found<R>> => {
  const found = await readOf(place, of, id)
  if (found === null) throw notFound(of, id)
  return found
}

/**
 * To be written with whatever is made in it: it is deleted only on the condition that nobody wrote it meanwhile. What is there without
 * being stored cannot be deleted.
 */
export const held = ({ key, value, condition }: Found<Resource>): readonly [readonly Condition[], readonly Operation[]] =>
  condition.revision === 0 ? [[], []] : [[condition], [put(key, value)]]

/** Every one of the region, by id. */
export const allOf = async <R extends Resource>(place: Place, of: Kind<R>): Promise<readonly R[]> => {
  const { records } = await listRecords<R>(place.store, keyOf(of, place.region, ''))
  const stored = records.map(({ value }) => value)
  const ids = new Set(stored.map(({ id }) => id))
  const usual = (await of.usual(place)).filter(({ id }) => !ids.has(id))
  return [...stored, ...usual].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** The answer of a Describe operation. `ids`: the parameter that names them. */
export const describeOf = async <R extends Resource>(
  parameters: Parameters,
  context: ActionContext,
  of: Kind<R>,
  {
    ids,
    set,
    filters,
    xml,
  }: {
    readonly ids: string
    readonly set: string
    readonly filters: Filterable<R>
    readonly xml: (item: R) => string
  },
): Promise<string> => {
  refuseOthers(parameters, [ids, 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const named = listOf(parameters, ids)
  const all = await allOf(context, of)
  const missing = named.find((id) => !all.some((each) => each.id === id))
  if (missing !== undefined) throw notFound(of, missing)
  const meets = filterOf(parameters, filters, ({ tags }) => tags)
  const found = all.filter((each) => (named.length === 0 || named.includes(each.id)) && meets(each))
  const { page, next } = pageOf(parameters, found, ({ id }) => id)
  return items(set, page.map(xml)) + next
}

/** An id that follows from what it belongs to. */
export const derivedId = (prefix: string, text: string): string => `${prefix}-${hexOf(text)}`

/** While something depends on it. */
export const inUse = (of: Pick<Kind<Resource>, 'label'>, id: string): Fault =>
  new Fault('DependencyViolation', `The ${of.label} '${id}' has dependencies and cannot be deleted.`)

/** What every region has stays: caches that name no network stand in it. */
export const refuseUsual = async <R extends Resource>(place: Place, of: Kind<R>, id: string): Promise<void> => {
  if ((await of.usual(place)).some((each) => each.id === id))
    throw new Fault(
      'OperationNotPermitted',
      `The ${of.label} '${id}' belongs to the default VPC, which stays: caches that name no network stand in it.`,
    )
}

/** Throws `InvalidParameterValue` for what is neither true nor false. */
export const flagOf = (parameters: Parameters, name: string): boolean | undefined => {
  const value = parameters.get(name)?.toLowerCase()
  if (value === undefined) return undefined
  if (value === 'true' || value === 'false') return value === 'true'
  throw new Fault(
    'InvalidParameterValue',
    `Value (${value.slice(0, 40)}) for parameter ${name} is invalid. Expected true or false.`,
  )
}
