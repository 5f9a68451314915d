/** Network ACLs: made, changed and shown. They have nothing to act upon: security groups alone say who may connect to a cache. */
import { Fault } from '../../../errors.ts'
import { network6Of } from '../../../model/ipv6.ts'
import { networkOf } from '../../../model/security-groups.ts'
import {
  type AclEntry,
  type Association,
  type NetworkAclRecord,
  type SubnetRecord,
  usualAclAssociation,
} from '../../../model/vpc.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { element, items, needed, type Parameters, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import type { Ec2Operation } from './groups.ts'
import { allOf, describeOf, findOf, flagOf, held, inUse, keyOf, networkAcls, newId, subnets, vpcs } from './resources.ts'
import { tagsOfNew } from './tags.ts'

/** The entry at the end of both directions, which refuses the rest. */
const lastNumber = 32_767
const mostEntries = 40
const refusal = (egress: boolean): AclEntry => ({ number: lastNumber, protocol: '-1', allow: false, egress, cidr: '0.0.0.0/0' })

const entryXml = (entry: AclEntry): string =>
  element('ruleNumber', entry.number) +
  element('protocol', entry.protocol) +
  element('ruleAction', entry.allow ? 'allow' : 'deny') +
  element('egress', entry.egress) +
  element('cidrBlock', entry.cidr) +
  element('ipv6CidrBlock', entry.cidr6) +
  (entry.icmpType === undefined
    ? ''
    : `<icmpTypeCode>${element('type', entry.icmpType)}${element('code', entry.icmpCode)}</icmpTypeCode>`) +
  (entry.from === undefined ? '' : `<portRange>${element('from', entry.from)}${element('to', entry.to)}</portRange>`)

/** Subnets of its VPC that no other ACL has belong to the usual one. */
const associationsOf = (
  acl: NetworkAclRecord,
  all: readonly NetworkAclRecord[],
  inRegion: readonly SubnetRecord[],
): readonly Association[] => {
  if (!acl.usual) return acl.associations
  const taken = new Set(all.flatMap(({ associations }) => associations.map(({ subnet }) => subnet)))
  return inRegion.flatMap(({ id, vpc }) =>
    vpc === acl.vpc && !taken.has(id) ? [{ id: usualAclAssociation(id), subnet: id }] : [],
  )
}

const aclXml = (acl: NetworkAclRecord, associations: readonly Association[], account: string): string =>
  element('networkAclId', acl.id) +
  element('vpcId', acl.vpc) +
  element('default', acl.usual) +
  element('ownerId', account) +
  items('entrySet', [...acl.entries, refusal(true), refusal(false)].map(entryXml)) +
  items(
    'associationSet',
    associations.map(
      ({ id, subnet }) => element('networkAclAssociationId', id) + element('networkAclId', acl.id) + element('subnetId', subnet),
    ),
  ) +
  tagSet(acl.tags)

export const createNetworkAcl: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'TagSpecification', 'ClientToken'])
  const tags = tagsOfNew(parameters, networkAcls.type)
  const id = newId(networkAcls)
  const acl = await untilWritten('the network ACL', async () => {
    const vpc = await findOf(context, vpcs, needed(parameters, 'VpcId'))
    const [conditions, operations] = held(vpc)
    refuseDryRun(parameters)
    const record: NetworkAclRecord = {
      ...{ region: context.region, id, vpc: vpc.value.id, usual: false, associations: [], entries: [], tags },
    }
    const key = keyOf(networkAcls, context.region, id)
    return (await write(context, [absent(key), ...conditions], [put(key, record), ...operations], [])) ? record : null
  })
  return `<networkAcl>${aclXml(acl, [], context.account)}</networkAcl>`
}

export const describeNetworkAcls: Ec2Operation = async (parameters, context) => {
  const [all, inRegion] = [await allOf(context, networkAcls), await allOf(context, subnets)]
  const associations = (acl: NetworkAclRecord): readonly Association[] => associationsOf(acl, all, inRegion)
  return describeOf(parameters, context, networkAcls, {
    ...{ ids: 'NetworkAclId', set: 'networkAclSet' },
    filters: {
      'network-acl-id': ({ id }) => [id],
      'vpc-id': ({ vpc }) => [vpc],
      default: ({ usual }) => [String(usual)],
      'owner-id': () => [context.account],
      'association.association-id': (acl) => associations(acl).map(({ id }) => id),
      'association.network-acl-id': (acl) => (associations(acl).length === 0 ? [] : [acl.id]),
      'association.subnet-id': (acl) => associations(acl).map(({ subnet }) => subnet),
      'entry.cidr': ({ entries }) => entries.flatMap(({ cidr }) => cidr ?? []),
      'entry.rule-number': ({ entries }) => entries.map(({ number }) => String(number)),
      'entry.egress': ({ entries }) => entries.map(({ egress }) => String(egress)),
    },
    xml: (acl) => aclXml(acl, associations(acl), context.account),
  })
}

export const deleteNetworkAcl: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['NetworkAclId'])
  const id = needed(parameters, 'NetworkAclId')
  return untilWritten(`network ACL ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, networkAcls, id)
    if (value.usual) throw new Fault('InvalidParameterValue', `cannot delete default network ACL ${id}`)
    if (value.associations.length > 0) throw inUse(networkAcls, id)
    refuseDryRun(parameters)
    return (await write(context, [condition], [remove(key)], [])) ? element('return', true) : null
  })
}

const whole = (parameters: Parameters, name: string, from: number, to: number): number | undefined => {
  const text = parameters.get(name)
  if (text === undefined) return undefined
  const value = /^-?[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (value >= from && value <= to) return value
  throw new Fault(
    'InvalidParameterValue',
    `Value (${text.slice(0, 40)}) for parameter ${name} is invalid. Expected ${from} to ${to}.`,
  )
}

const protocolNumbers: Readonly<Record<string, string>> = { all: '-1', icmp: '1', tcp: '6', udp: '17', icmpv6: '58' }

const protocolOf = (parameters: Parameters): string => {
  const text = needed(parameters, 'Protocol').toLowerCase()
  const number = Object.hasOwn(protocolNumbers, text) ? protocolNumbers[text] : text
  if (number !== undefined && (number === '-1' || (/^[0-9]{1,3}$/.test(number) && Number(number) < 256))) return number
  throw new Fault(
    'InvalidParameterValue',
    `Invalid value '${text.slice(0, 40)}' for IP protocol. Expected -1 or a number to 255.`,
  )
}

const numberOf = (parameters: Parameters): number => {
  needed(parameters, 'RuleNumber')
  return whole(parameters, 'RuleNumber', 1, lastNumber - 1) ?? 0
}

const networksOf = (parameters: Parameters): Pick<AclEntry, 'cidr' | 'cidr6'> => {
  const [four, six] = [parameters.get('CidrBlock') || undefined, parameters.get('Ipv6CidrBlock') || undefined]
  if ((four === undefined) === (six === undefined))
    throw new Fault('MissingParameter', 'The request must contain one of the parameters CidrBlock, Ipv6CidrBlock')
  const found = four === undefined ? network6Of(six ?? '') : networkOf(four)
  if (found === null)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${(four ?? six ?? '').slice(0, 60)}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    )
  return four === undefined ? { cidr6: found } : { cidr: found }
}

const entryOf = (parameters: Parameters): AclEntry => {
  const action = needed(parameters, 'RuleAction')
  if (action !== 'allow' && action !== 'deny')
    throw new Fault(
      'InvalidParameterValue',
      `Value (${action.slice(0, 40)}) for parameter ruleAction is invalid. Expected allow or deny.`,
    )
  const [from, to] = ['From', 'To'].map((end) => whole(parameters, `PortRange.${end}`, -1, 65_535))
  const [icmpType, icmpCode] = ['Type', 'Code'].map((name) => whole(parameters, `Icmp.${name}`, -1, 255))
  return {
    number: numberOf(parameters),
    protocol: protocolOf(parameters),
    allow: action === 'allow',
    egress: flagOf(parameters, 'Egress') ?? false,
    ...networksOf(parameters),
    ...(from === undefined || to === undefined ? {} : { from, to }),
    ...(icmpType === undefined ? {} : { icmpType, icmpCode: icmpCode ?? -1 }),
  }
}

const entryNames = ['CidrBlock', 'Ipv6CidrBlock', 'Icmp', 'PortRange', 'Protocol', 'RuleAction']

const changeEntries =
  (
    known: readonly string[],
    changed: (parameters: Parameters, entries: readonly AclEntry[]) => readonly AclEntry[],
  ): Ec2Operation =>
  async (parameters, context) => {
    refuseOthers(parameters, ['NetworkAclId', 'RuleNumber', 'Egress', ...known])
    const id = needed(parameters, 'NetworkAclId')
    return untilWritten(`network ACL ${id.slice(0, 40)}`, async () => {
      const { key, value, condition } = await findOf(context, networkAcls, id)
      const entries = changed(parameters, value.entries).toSorted((a, b) => a.number - b.number)
      refuseDryRun(parameters)
      return (await write(context, [condition], [put(key, { ...value, entries })], [])) ? element('return', true) : null
    })
  }

const isAt = (parameters: Parameters): ((entry: AclEntry) => boolean) => {
  const [number, out] = [numberOf(parameters), flagOf(parameters, 'Egress') ?? false]
  return (entry) => entry.number === number && entry.egress === out
}

const entryNotFound = (parameters: Parameters): Fault =>
  new Fault(
    'InvalidNetworkAclEntry.NotFound',
    `The network acl entry identified by ${parameters.get('RuleNumber')} does not exist.`,
  )

export const createNetworkAclEntry = changeEntries(entryNames, (parameters, entries) => {
  const entry = entryOf(parameters)
  if (entries.some(isAt(parameters)))
    throw new Fault('NetworkAclEntryAlreadyExists', `The network acl entry identified by ${entry.number} already exists.`)
  if (entries.filter(({ egress }) => egress === entry.egress).length >= mostEntries)
    throw new Fault(
      'NetworkAclEntryLimitExceeded',
      `The maximum number of entries of a network ACL is ${mostEntries} in each direction.`,
    )
  return [...entries, entry]
})

export const replaceNetworkAclEntry = changeEntries(entryNames, (parameters, entries) => {
  const entry = entryOf(parameters)
  const at = isAt(parameters)
  if (!entries.some(at)) throw entryNotFound(parameters)
  return entries.map((each) => (at(each) ? entry : each))
})

export const deleteNetworkAclEntry = changeEntries([], (parameters, entries) => {
  const at = isAt(parameters)
  if (!entries.some(at)) throw entryNotFound(parameters)
  return entries.filter((each) => !at(each))
})

const changeOf = async (context: ActionContext, acl: NetworkAclRecord, associations: readonly Association[]) => {
  const { key, value, condition } = await findOf(context, networkAcls, acl.id)
  return { condition, operation: put(key, { ...value, associations }) }
}

/** The subnet leaves the ACL that it has for another one. */
export const replaceNetworkAclAssociation: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AssociationId', 'NetworkAclId'])
  const [association, to] = [needed(parameters, 'AssociationId'), needed(parameters, 'NetworkAclId')]
  const made = newId({ prefix: 'aclassoc' })
  return untilWritten('the network ACL', async () => {
    const target = (await findOf(context, networkAcls, to)).value
    const [all, inRegion] = [await allOf(context, networkAcls), await allOf(context, subnets)]
    const from = all.find((acl) => associationsOf(acl, all, inRegion).some(({ id }) => id === association))
    const moving = from === undefined ? undefined : associationsOf(from, all, inRegion).find(({ id }) => id === association)
    if (from === undefined || moving === undefined)
      throw new Fault('InvalidAssociationID.NotFound', `The association ID '${association.slice(0, 100)}' does not exist`)
    if (from.vpc !== target.vpc)
      throw new Fault('InvalidParameterValue', `network ACL ${to} and subnet ${moving.subnet} belong to different networks`)
    refuseDryRun(parameters)
    if (from.id === target.id) return element('newAssociationId', association)
    const [conditions, operations] = held(await findOf(context, subnets, moving.subnet))
    const id = target.usual ? usualAclAssociation(moving.subnet) : made
    const changes = [
      ...(from.usual
        ? []
        : [
            await changeOf(
              context,
              from,
              from.associations.filter((each) => each.id !== association),
            ),
          ]),
      ...(target.usual ? [] : [await changeOf(context, target, [...target.associations, { id, subnet: moving.subnet }])]),
    ]
    const written = await write(
      context,
      [...changes.map(({ condition }) => condition), ...conditions],
      [...changes.map(({ operation }) => operation), ...operations],
      [],
    )
    return written ? element('newAssociationId', id) : null
  })
}
