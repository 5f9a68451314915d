/** Rules as requests write them and as answers show them. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../../../errors.ts'
import { network6Of } from '../../../model/ipv6.ts'
import {
  meaningOf,
  networkOf,
  type RuleSource,
  type SecurityGroupRecord,
  type SecurityGroupRule,
  sourceName,
} from '../../../model/security-groups.ts'
import type { ActionContext } from '../../action.ts'
import { element, type Filterable, items, type Parameters, structuresOf, tagSet } from '../../protocols/ec2.ts'
import { isXmlText } from '../../protocols/query/xml.ts'
import { groupById, groupByName } from './find.ts'

/** A rule of a request; it has no id yet. */
export type WantedRule = Omit<SecurityGroupRule, 'id'>

const invalid = (message: string): Fault => new Fault('InvalidParameterValue', message)
const malformed = (message: string): Fault => new Fault('InvalidPermission.Malformed', message)

const whole = (text: string | undefined): number =>
  text !== undefined && /^-?[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN

const port = (name: string, text: string | undefined): number => {
  const value = whole(text)
  if (Number.isNaN(value) || value < 0 || value > 65_535)
    throw invalid(`Invalid value '${(text ?? '').slice(0, 40)}' for ${name}. Expected a port from 0 to 65535.`)
  return value
}

const everyPort = { protocol: '-1', from: -1, to: -1 } as const
const numbered: Readonly<Record<string, string>> = { '1': 'icmp', '6': 'tcp', '17': 'udp', '58': 'icmpv6' }
const named: ReadonlySet<string> = new Set(Object.values(numbered))

/** `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or the number of another protocol. */
const protocolOf = (text: string): string => {
  const protocol = text.toLowerCase()
  if (protocol === '-1' || protocol === 'all') return '-1'
  const number = /^[0-9]{1,3}$/.test(protocol) ? Number(protocol) : 256
  if (number < 256) return numbered[number] ?? String(number)
  if (named.has(protocol)) return protocol
  throw invalid(`Invalid value '${text.slice(0, 40)}' for IP protocol. Expected tcp, udp, icmp, icmpv6, -1 or a number to 255.`)
}

/** Type and code of ICMP; -1 is every one. */
const icmpNumber = (name: string, text: string | undefined): number => {
  const value = text === undefined ? -1 : whole(text)
  if (Number.isNaN(value) || value < -1 || value > 255)
    throw invalid(`Invalid value '${(text ?? '').slice(0, 40)}' for ${name}. Expected a number of ICMP from -1 to 255.`)
  return value
}

const portsOf = (permission: Parameters): Pick<WantedRule, 'protocol' | 'from' | 'to'> => {
  const protocol = protocolOf(permission.get('IpProtocol') ?? '')
  if (protocol === '-1') return everyPort
  const [first, last] = [permission.get('FromPort'), permission.get('ToPort')]
  if (protocol.startsWith('icmp')) return { protocol, from: icmpNumber('FromPort', first), to: icmpNumber('ToPort', last) }
  if (!named.has(protocol)) return { ...everyPort, protocol }
  // As EC2 has it: -1 to -1 is every port.
  if (first === '-1' && last === '-1') return { protocol, from: 0, to: 65_535 }
  const [from, to] = [port('FromPort', first), port('ToPort', last)]
  if (from > to) throw invalid(`Invalid ${protocol.toUpperCase()} port range (${from}-${to})`)
  return { protocol, from, to }
}

const network = (text: string): RuleSource => {
  const found = networkOf(text)
  if (found === null) throw invalid(`CIDR block ${text.slice(0, 100)} is malformed`)
  return { cidr: found }
}

const network6 = (text: string): RuleSource => {
  const found = network6Of(text)
  if (found === null) throw invalid(`CIDR block ${text.slice(0, 100)} is malformed`)
  return { cidr6: found }
}

/** Nobody makes prefix lists here, and a group that is shared with other machines may name one: any well-formed id is taken. */
const prefixList = (id: string): RuleSource => {
  if (!/^pl-[0-9a-f]{8,17}$/.test(id))
    throw new Fault('InvalidPrefixListId.Malformed', `Invalid id: "${id.slice(0, 100)}" (expecting "pl-...")`)
  return { prefixList: id }
}

const described = (text: string | undefined): Pick<WantedRule, 'description'> => {
  if (text === undefined || text === '') return {}
  if (text.length > 255 || !isXmlText(text)) throw invalid('Invalid rule description. It has at most 255 printable characters.')
  return { description: text }
}

const memberOf = async (context: ActionContext, pair: Parameters): Promise<RuleSource> => {
  const [id, name] = [pair.get('GroupId') ?? '', pair.get('GroupName') ?? '']
  if (id !== '') return { group: (await groupById(context, id)).value.id }
  if (name !== '') return { group: (await groupByName(context, name)).value.id }
  throw new Fault('MissingParameter', 'Expected a GroupId or GroupName in each item of Groups')
}

const permissionRules = async (context: ActionContext, permission: Parameters): Promise<readonly WantedRule[]> => {
  const ports = portsOf(permission)
  const from = (list: string, sourceOf: (item: Parameters) => RuleSource): readonly WantedRule[] =>
    structuresOf(permission, list).map((item) => ({ ...ports, source: sourceOf(item), ...described(item.get('Description')) }))
  const groups: WantedRule[] = []
  for (const pair of structuresOf(permission, 'Groups'))
    groups.push({ ...ports, source: await memberOf(context, pair), ...described(pair.get('Description')) })
  return [
    ...from('IpRanges', (range) => network(range.get('CidrIp') ?? '')),
    ...from('Ipv6Ranges', (range) => network6(range.get('CidrIpv6') ?? '')),
    ...from('PrefixListIds', (list) => prefixList(list.get('PrefixListId') ?? '')),
    ...groups,
  ]
}

const shortRules = async (context: ActionContext, parameters: Parameters): Promise<readonly WantedRule[]> => {
  const [cidr, name] = [parameters.get('CidrIp') ?? '', parameters.get('SourceSecurityGroupName') ?? '']
  // Without a protocol EC2 lets the whole group in.
  if (name !== '') {
    const ports = parameters.has('IpProtocol') ? portsOf(parameters) : everyPort
    return [{ ...ports, source: { group: (await groupByName(context, name)).value.id } }]
  }
  return cidr === '' ? [] : [{ ...portsOf(parameters), source: network(cidr) }]
}

/**
 * The rules of `IpPermissions`, or of the short form.
 * Throws `InvalidParameterValue`, `InvalidPermission.Malformed`, `MissingParameter`, `InvalidGroup.NotFound`.
 */
export const wantedRules = async (context: ActionContext, parameters: Parameters): Promise<readonly WantedRule[]> => {
  const permissions = structuresOf(parameters, 'IpPermissions')
  const rules: WantedRule[] = []
  for (const permission of permissions) rules.push(...(await permissionRules(context, permission)))
  if (permissions.length === 0) rules.push(...(await shortRules(context, parameters)))
  if (rules.length === 0)
    throw permissions.length === 0
      ? new Fault('MissingParameter', 'The request must contain the parameter ipPermissions')
      : malformed('Expected an item in IpRanges, Ipv6Ranges, PrefixListIds or Groups of each permission')
  const twice = rules.find((rule, index) => rules.findIndex((other) => meaningOf(other) === meaningOf(rule)) !== index)
  if (twice !== undefined) throw invalid('The same permission must not appear multiple times')
  return rules
}

/** The rule of ModifySecurityGroupRules: it has one source. Throws as `wantedRules`. */
export const wantedRule = async (context: ActionContext, given: Parameters): Promise<WantedRule> => {
  const sources: RuleSource[] = []
  const [cidr, cidr6, list, group] = ['CidrIpv4', 'CidrIpv6', 'PrefixListId', 'ReferencedGroupId'].map((name) => given.get(name))
  if (cidr !== undefined) sources.push(network(cidr))
  if (cidr6 !== undefined) sources.push(network6(cidr6))
  if (list !== undefined) sources.push(prefixList(list))
  if (group !== undefined) sources.push({ group: (await groupById(context, group)).value.id })
  const [source, ...more] = sources
  if (source === undefined || more.length > 0)
    throw new Fault(
      sources.length === 0 ? 'MissingParameter' : 'InvalidParameterCombination',
      `Expected one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId in each SecurityGroupRule, found ${sources.length}`,
    )
  return { ...portsOf(given), source, ...described(given.get('Description')) }
}

/** What `UpdateSecurityGroupRuleDescriptions…` gives to rules that it names by their ids. */
export const ruleDescription = described

export const newRule = (rule: WantedRule): SecurityGroupRule => ({
  id: `sgr-${randomBytes(9).toString('hex').slice(0, 17)}`,
  ...rule,
})

/** `peer: 10.0.0.0/8, TCP, from port: 6379, to port: 6379, ALLOW`, as EC2 words it. */
export const ruleText = ({ protocol, from, to, source }: WantedRule): string => {
  const peer = `peer: ${sourceName(source)}`
  if (protocol === '-1') return `${peer}, ALL, ALLOW`
  return `${peer}, ${protocol.toUpperCase()}, from port: ${from}, to port: ${to}, ALLOW`
}

const portElements = ({ protocol, from, to }: SecurityGroupRule): string =>
  element('ipProtocol', protocol) + (named.has(protocol) ? element('fromPort', from) + element('toPort', to) : '')

/** Rules of the same ports stand together, as in EC2. */
export const permissionsXml = (name: string, rules: readonly SecurityGroupRule[], account: string): string => {
  const byPorts = Map.groupBy(rules, portElements)
  return items(
    name,
    [...byPorts].map(([ports, same]) => {
      const from = (list: string, member: string, read: (source: RuleSource) => string | null): string =>
        items(
          list,
          same.flatMap(({ source, description }) => {
            const value = read(source)
            if (value === null) return []
            const owner = member === 'groupId' ? element('userId', account) : ''
            return [owner + element(member, value) + element('description', description)]
          }),
        )
      return (
        ports +
        from('groups', 'groupId', (source) => ('group' in source ? source.group : null)) +
        from('ipRanges', 'cidrIp', (source) => ('cidr' in source ? source.cidr : null)) +
        from('ipv6Ranges', 'cidrIpv6', (source) => ('cidr6' in source ? source.cidr6 : null)) +
        from('prefixListIds', 'prefixListId', (source) => ('prefixList' in source ? source.prefixList : null))
      )
    }),
  )
}

export interface ShownRule {
  readonly groupId: string
  readonly rule: SecurityGroupRule
  readonly egress: boolean
}

const sourceXml = (source: RuleSource, account: string): string => {
  if ('cidr' in source) return element('cidrIpv4', source.cidr)
  if ('cidr6' in source) return element('cidrIpv6', source.cidr6)
  if ('prefixList' in source) return element('prefixListId', source.prefixList)
  return `<referencedGroupInfo>${element('groupId', source.group)}${element('userId', account)}</referencedGroupInfo>`
}

type Place = Pick<ActionContext, 'region' | 'account'>

export const ruleXml = ({ groupId, rule, egress }: ShownRule, { region, account }: Place): string =>
  element('securityGroupRuleId', rule.id) +
  element('securityGroupRuleArn', `arn:aws:ec2:${region}:${account}:security-group-rule/${rule.id}`) +
  element('groupId', groupId) +
  element('groupOwnerId', account) +
  element('isEgress', egress) +
  element('ipProtocol', rule.protocol) +
  element('fromPort', rule.from) +
  element('toPort', rule.to) +
  sourceXml(rule.source, account) +
  element('description', rule.description) +
  tagSet(rule.tags ?? [])

/** Filters of security groups by what a rule of theirs says. */
export const ruleFilters = (
  prefix: string,
  rulesOf: (group: SecurityGroupRecord) => readonly SecurityGroupRule[],
): Filterable<SecurityGroupRecord> => {
  const by =
    (read: (rule: SecurityGroupRule) => string | number | undefined) =>
    (group: SecurityGroupRecord): readonly string[] =>
      rulesOf(group).flatMap((rule) => {
        const value = read(rule)
        return value === undefined ? [] : [String(value)]
      })
  return {
    [`${prefix}.cidr`]: by(({ source }) => ('cidr' in source ? source.cidr : undefined)),
    [`${prefix}.ipv6-cidr`]: by(({ source }) => ('cidr6' in source ? source.cidr6 : undefined)),
    [`${prefix}.group-id`]: by(({ source }) => ('group' in source ? source.group : undefined)),
    [`${prefix}.prefix-list-id`]: by(({ source }) => ('prefixList' in source ? source.prefixList : undefined)),
    [`${prefix}.from-port`]: by(({ from }) => from),
    [`${prefix}.to-port`]: by(({ to }) => to),
    [`${prefix}.protocol`]: by(({ protocol }) => protocol),
  }
}
