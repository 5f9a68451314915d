/** Route tables, their routes and associations: made and shown. Nodes have loopback addresses, so that no route leads anywhere. */
import { Fault } from '../../../errors.ts'
import { network6Of } from '../../../model/ipv6.ts'
import { networkOf } from '../../../model/security-groups.ts'
import type { Route, RouteTableRecord } from '../../../model/vpc.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { element, items, needed, type Parameters, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import type { Ec2Operation } from './groups.ts'
import {
  allOf,
  describeOf,
  type Found,
  findOf,
  held,
  internetGateways,
  inUse,
  keyOf,
  natGateways,
  newId,
  routeTables,
  subnets,
  vpcs,
} from './resources.ts'
import { tagsOfNew } from './tags.ts'

const destinationElement = (destination: string): string =>
  element(destination.includes(':') ? 'destinationIpv6CidrBlock' : 'destinationCidrBlock', destination)

const routeXml = ({ destination, by, target }: Route, origin: string): string =>
  destinationElement(destination) +
  element(`${by.slice(0, 1).toLowerCase()}${by.slice(1)}`, target) +
  element('state', 'active') +
  element('origin', origin)

const associationXml = (table: string, id: string, subnet?: string): string =>
  element('routeTableAssociationId', id) +
  element('routeTableId', table) +
  element('subnetId', subnet) +
  element('main', subnet === undefined) +
  `<associationState>${element('state', 'associated')}</associationState>`

/** The networks of its VPC, to which there is always a route. */
type Networks = ReadonlyMap<string, readonly string[]>

const networksOf = async (context: ActionContext): Promise<Networks> =>
  new Map((await allOf(context, vpcs)).map(({ id, cidr, more }) => [id, [cidr, ...more.map((each) => each.cidr)]]))

const tableXml = (table: RouteTableRecord, networks: Networks, account: string): string => {
  const local = (networks.get(table.vpc) ?? []).map((destination) => ({ destination, by: 'GatewayId', target: 'local' }))
  return (
    element('routeTableId', table.id) +
    element('vpcId', table.vpc) +
    element('ownerId', account) +
    items('routeSet', [
      ...local.map((route) => routeXml(route, 'CreateRouteTable')),
      ...table.routes.map((route) => routeXml(route, 'CreateRoute')),
    ]) +
    items('associationSet', [
      ...(table.main === null ? [] : [associationXml(table.id, table.main)]),
      ...table.associations.map(({ id, subnet }) => associationXml(table.id, id, subnet)),
    ]) +
    '<propagatingVgwSet/>' +
    tagSet(table.tags)
  )
}

export const createRouteTable: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'TagSpecification', 'ClientToken'])
  const tags = tagsOfNew(parameters, routeTables.type)
  const id = newId(routeTables)
  const table = await untilWritten('the route table', async () => {
    const vpc = await findOf(context, vpcs, needed(parameters, 'VpcId'))
    const [conditions, operations] = held(vpc)
    refuseDryRun(parameters)
    const record: RouteTableRecord = {
      ...{ region: context.region, id, vpc: vpc.value.id, main: null, associations: [], routes: [], tags },
    }
    const key = keyOf(routeTables, context.region, id)
    return (await write(context, [absent(key), ...conditions], [put(key, record), ...operations], [])) ? record : null
  })
  return `<routeTable>${tableXml(table, await networksOf(context), context.account)}</routeTable>`
}

export const describeRouteTables: Ec2Operation = async (parameters, context) => {
  const networks = await networksOf(context)
  const targets =
    (by: string) =>
    ({ routes }: RouteTableRecord): readonly string[] =>
      routes.flatMap((route) => (route.by === by ? [route.target] : []))
  return describeOf(parameters, context, routeTables, {
    ...{ ids: 'RouteTableId', set: 'routeTableSet' },
    filters: {
      'route-table-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc],
      'owner-id': () => [context.account],
      'association.main': ({ main }) => [String(main !== null)],
      'association.route-table-association-id': ({ main, associations }) => [
        ...(main === null ? [] : [main]),
        ...associations.map(({ id }) => id),
      ],
      'association.route-table-id': ({ id, main, associations }) => (main === null && associations.length === 0 ? [] : [id]),
      'association.subnet-id': ({ associations }) => associations.map(({ subnet }) => subnet),
      'route.destination-cidr-block': ({ vpc, routes }) => [
        ...(networks.get(vpc) ?? []),
        ...routes.map(({ destination }) => destination),
      ],
      'route.gateway-id': (table) => ['local', ...targets('GatewayId')(table)],
      'route.nat-gateway-id': targets('NatGatewayId'),
      'route.state': () => ['active'],
    },
    xml: (table) => tableXml(table, networks, context.account),
  })
}

/** Reads the table, and writes what `changed` makes of it. */
const changeTable = (
  parameters: Parameters,
  context: ActionContext,
  id: string,
  changed: (table: RouteTableRecord) => Promise<RouteTableRecord> | RouteTableRecord,
): Promise<string> =>
  untilWritten(`route table ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, routeTables, id)
    const next = await changed(value)
    refuseDryRun(parameters)
    return (await write(context, [condition], [put(key, next)], [])) ? element('return', true) : null
  })

export const deleteRouteTable: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['RouteTableId'])
  const id = needed(parameters, 'RouteTableId')
  return untilWritten(`route table ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, routeTables, id)
    if (value.main !== null || value.associations.length > 0) throw inUse(routeTables, id)
    refuseDryRun(parameters)
    return (await write(context, [condition], [remove(key)], [])) ? element('return', true) : null
  })
}

const destinations = ['DestinationCidrBlock', 'DestinationIpv6CidrBlock']

const destinationOf = (parameters: Parameters): string => {
  const [four, six] = destinations.map((name) => parameters.get(name) || undefined)
  if ((four === undefined) === (six === undefined))
    throw new Fault('MissingParameter', `The request must contain one of the parameters ${destinations.join(', ')}`)
  const found = four === undefined ? network6Of(six ?? '') : networkOf(four)
  if (found !== null) return found
  throw new Fault(
    'InvalidParameterValue',
    `Value (${(four ?? six ?? '').slice(0, 60)}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`,
  )
}

const targets = ['GatewayId', 'NatGatewayId'] as const

/** Throws where the target is not there, or is of another VPC. */
const routeOf = async (parameters: Parameters, context: ActionContext, table: RouteTableRecord): Promise<Route> => {
  const destination = destinationOf(parameters)
  const given = targets.flatMap((by) => {
    const target = parameters.get(by) ?? ''
    return target === '' ? [] : [{ by, target }]
  })
  const [route, ...more] = given
  if (route === undefined || more.length > 0)
    throw new Fault('MissingParameter', `The request must contain one of the parameters ${targets.join(', ')}`)
  const { target } = route
  if (route.by === 'NatGatewayId') await findOf(context, natGateways, target)
  else if ((await findOf(context, internetGateways, target)).value.vpc !== table.vpc)
    throw new Fault('InvalidParameterValue', `route table ${table.id} and network gateway ${target} belong to different networks`)
  return { destination, ...route }
}

const routeNotFound = (table: string, destination: string): Fault =>
  new Fault('InvalidRoute.NotFound', `no route with destination-cidr-block ${destination} in route table ${table}`)

const changeRoutes =
  (
    known: readonly string[],
    changed: (parameters: Parameters, context: ActionContext, table: RouteTableRecord) => Promise<readonly Route[]>,
  ): Ec2Operation =>
  async (parameters, context) => {
    refuseOthers(parameters, ['RouteTableId', ...destinations, ...known])
    const id = needed(parameters, 'RouteTableId')
    return changeTable(parameters, context, id, async (table) => ({
      ...table,
      routes: await changed(parameters, context, table),
    }))
  }

export const createRoute = changeRoutes(targets, async (parameters, context, table) => {
  const route = await routeOf(parameters, context, table)
  const local = (await networksOf(context)).get(table.vpc) ?? []
  if (local.includes(route.destination) || table.routes.some(({ destination }) => destination === route.destination))
    throw new Fault('RouteAlreadyExists', `The route identified by ${route.destination} already exists.`)
  return [...table.routes, route]
})

export const replaceRoute = changeRoutes(targets, async (parameters, context, table) => {
  const route = await routeOf(parameters, context, table)
  if (!table.routes.some(({ destination }) => destination === route.destination)) throw routeNotFound(table.id, route.destination)
  return table.routes.map((each) => (each.destination === route.destination ? route : each))
})

export const deleteRoute = changeRoutes([], async (parameters, _context, table) => {
  const wanted = destinationOf(parameters)
  if (!table.routes.some(({ destination }) => destination === wanted)) throw routeNotFound(table.id, wanted)
  return table.routes.filter(({ destination }) => destination !== wanted)
})

const stateXml = `<associationState>${element('state', 'associated')}</associationState>`

export const associateRouteTable: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['RouteTableId', 'SubnetId'])
  const [id, subnetId] = [needed(parameters, 'RouteTableId'), needed(parameters, 'SubnetId')]
  const association = newId({ prefix: 'rtbassoc' })
  return untilWritten(`route table ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, routeTables, id)
    const subnet = await findOf(context, subnets, subnetId)
    // Whoever gives the subnet to another table at the same time writes the subnet too.
    const [conditions, operations] = held(subnet)
    if (subnet.value.vpc !== value.vpc)
      throw new Fault('InvalidParameterValue', `route table ${id} and subnet ${subnetId} belong to different networks`)
    const present = (await allOf(context, routeTables)).find(({ associations }) =>
      associations.some((each) => each.subnet === subnetId),
    )
    const already = present?.id === id ? value.associations.find((each) => each.subnet === subnetId) : undefined
    if (already !== undefined) return element('associationId', already.id) + stateXml
    if (present !== undefined)
      throw new Fault(
        'Resource.AlreadyAssociated',
        `the specified association for route table ${id} conflicts with an existing association`,
      )
    refuseDryRun(parameters)
    const next = { ...value, associations: [...value.associations, { id: association, subnet: subnetId }] }
    const written = await write(context, [condition, ...conditions], [put(key, next), ...operations], [])
    return written ? element('associationId', association) + stateXml : null
  })
}

/** Throws `InvalidAssociationID.NotFound`. */
const tableWith = async (context: ActionContext, association: string): Promise<Found<RouteTableRecord>> => {
  const table = (await allOf(context, routeTables)).find(
    ({ main, associations }) => main === association || associations.some(({ id }) => id === association),
  )
  if (table !== undefined) return findOf(context, routeTables, table.id)
  throw new Fault('InvalidAssociationID.NotFound', `The association ID '${association.slice(0, 100)}' does not exist`)
}

export const disassociateRouteTable: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AssociationId'])
  const association = needed(parameters, 'AssociationId')
  return untilWritten('the route table', async () => {
    const { key, value, condition } = await tableWith(context, association)
    if (value.main === association)
      throw new Fault('InvalidParameterValue', `cannot disassociate the main route table association ${association}`)
    refuseDryRun(parameters)
    const associations = value.associations.filter(({ id }) => id !== association)
    return (await write(context, [condition], [put(key, { ...value, associations })], [])) ? element('return', true) : null
  })
}

/** Moves the association, also that of the VPC itself, to another table under a new id. */
export const replaceRouteTableAssociation: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AssociationId', 'RouteTableId'])
  const [association, to] = [needed(parameters, 'AssociationId'), needed(parameters, 'RouteTableId')]
  const id = newId({ prefix: 'rtbassoc' })
  return untilWritten('the route table', async () => {
    const from = await tableWith(context, association)
    const target = await findOf(context, routeTables, to)
    if (from.value.vpc !== target.value.vpc)
      throw new Fault('InvalidParameterValue', `route tables ${from.value.id} and ${to} belong to different networks`)
    refuseDryRun(parameters)
    const answer = element('newAssociationId', id) + stateXml
    const isMain = from.value.main === association
    const moving = from.value.associations.find((each) => each.id === association)
    const left = { ...from.value, associations: from.value.associations.filter((each) => each !== moving) }
    const before = from.key === target.key ? left : target.value
    const next: RouteTableRecord = isMain
      ? { ...before, main: id }
      : { ...before, associations: [...before.associations, { id, subnet: moving?.subnet ?? '' }] }
    const conditions = from.key === target.key ? [from.condition] : [from.condition, target.condition]
    const changes = from.key === target.key ? [] : [put(from.key, isMain ? { ...left, main: null } : left)]
    return (await write(context, conditions, [...changes, put(target.key, next)], [])) ? answer : null
  })
}
