/** Rules as requests write them and as answers show them. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../../errors.ts'
import { meaningOf, networkOf, type RuleSource, type SecurityGroupRule } from '../../model/security-groups.ts'
import type { ActionContext } from '../action.ts'
import { isXmlText } from '../wire/xml.ts'
import { groupById, groupByName } from './find.ts'
import { element, items, type Parameters, structuresOf } from './wire.ts'

/** A rule of a request; it has no id yet. */
export type WantedRule = Omit<SecurityGroupRule, 'id'>

const invalid = (message: string): Fault => new Fault('InvalidParameterValue', message)
const malformed = (message: string): Fault => new Fault('InvalidPermission.Malformed', message)

const port = (name: string, text: string | undefined): number => {
  const value = text !== undefined && /^-?[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(value) || value < 0 || value > 65_535)
    throw invalid(`Invalid value '${(text ?? '').slice(0, 40)}' for ${name}. Expected a port from 0 to 65535.`)
  return value
}

const portsOf = (permission: Parameters): Pick<WantedRule, 'protocol' | 'from' | 'to'> => {
  const protocol = (permission.get('IpProtocol') ?? '').toLowerCase()
  if (protocol === '-1' || protocol === 'all') return { protocol: '-1', from: -1, to: -1 }
  if (protocol !== 'tcp' && protocol !== '6') {
    const found = protocol.slice(0, 40) || 'none'
    throw invalid(`Invalid value '${found}' for IP protocol: caches speak TCP; expected tcp or -1.`)
  }
  // As EC2 has it: -1 to -1 is every port.
  const [first, last] = [permission.get('FromPort'), permission.get('ToPort')]
  if (first === '-1' && last === '-1') return { protocol: 'tcp', from: 0, to: 65_535 }
  const [from, to] = [port('FromPort', first), port('ToPort', last)]
  if (from > to) throw invalid(`Invalid TCP port range (${from}-${to})`)
  return { protocol: 'tcp', from, to }
}

const network = (text: string): RuleSource => {
  const found = networkOf(text)
  if (found === null) throw invalid(`CIDR block ${text.slice(0, 100)} is malformed`)
  return { cidr: found }
}

const described = (text: string | undefined): Pick<WantedRule, 'description'> => {
  if (text === undefined || text === '') return {}
  if (text.length > 255 || !isXmlText(text)) throw invalid('Invalid rule description. It has at most 255 printable characters.')
  return { description: text }
}

const refusePrefixLists = (permission: Parameters): void => {
  if (structuresOf(permission, 'PrefixListIds').length > 0)
    throw new Fault('UnsupportedOperation', 'Prefix lists are not there in Larder.')
}

const memberOf = async (context: ActionContext, pair: Parameters): Promise<RuleSource> => {
  const [id, name] = [pair.get('GroupId') ?? '', pair.get('GroupName') ?? '']
  if (id !== '') return { group: (await groupById(context, id)).value.id }
  if (name !== '') return { group: (await groupByName(context, name)).value.id }
  throw new Fault('MissingParameter', 'Expected a GroupId or GroupName in each item of Groups')
}

const permissionRules = async (context: ActionContext, permission: Parameters): Promise<readonly WantedRule[]> => {
  refusePrefixLists(permission)
  const ports = portsOf(permission)
  const networks = structuresOf(permission, 'IpRanges').map((range) => ({
    ...ports,
    source: network(range.get('CidrIp') ?? ''),
    ...described(range.get('Description')),
  }))
  const groups: WantedRule[] = []
  for (const pair of structuresOf(permission, 'Groups'))
    groups.push({ ...ports, source: await memberOf(context, pair), ...described(pair.get('Description')) })
  return [...networks, ...groups]
}

const shortRules = async (context: ActionContext, parameters: Parameters): Promise<readonly WantedRule[]> => {
  const [cidr, name] = [parameters.get('CidrIp') ?? '', parameters.get('SourceSecurityGroupName') ?? '']
  // Without a protocol EC2 lets the whole group in.
  if (name !== '') {
    const ports = parameters.has('IpProtocol') ? portsOf(parameters) : ({ protocol: '-1', from: -1, to: -1 } as const)
    return [{ ...ports, source: { group: (await groupByName(context, name)).value.id } }]
  }
  return cidr === '' ? [] : [{ ...portsOf(parameters), source: network(cidr) }]
}

/**
 * The rules of `IpPermissions`, or of the short form. IPv6 networks are passed over: the addresses of caches are IPv4, nobody can come from there.
 * Throws `InvalidParameterValue`, `InvalidPermission.Malformed`, `MissingParameter`, `InvalidGroup.NotFound`.
 */
export const wantedRules = async (context: ActionContext, parameters: Parameters): Promise<readonly WantedRule[]> => {
  const permissions = structuresOf(parameters, 'IpPermissions')
  const rules: WantedRule[] = []
  for (const permission of permissions) rules.push(...(await permissionRules(context, permission)))
  if (permissions.length === 0) rules.push(...(await shortRules(context, parameters)))
  const onlyIpv6 = permissions.some((permission) => structuresOf(permission, 'Ipv6Ranges').length > 0)
  if (rules.length === 0 && !onlyIpv6)
    throw permissions.length === 0
      ? new Fault('MissingParameter', 'The request must contain the parameter ipPermissions')
      : malformed('Expected an item in IpRanges or Groups of each permission')
  const twice = rules.find((rule, index) => rules.findIndex((other) => meaningOf(other) === meaningOf(rule)) !== index)
  if (twice !== undefined) throw invalid('The same permission must not appear multiple times')
  return rules
}

export const newRule = (rule: WantedRule): SecurityGroupRule => ({
  id: `sgr-${randomBytes(9).toString('hex').slice(0, 17)}`,
  ...rule,
})

/** `peer: 10.0.0.0/8, TCP, from port: 6379, to port: 6379, ALLOW`, as EC2 words it. */
export const ruleText = ({ protocol, from, to, source }: WantedRule): string => {
  const peer = 'cidr' in source ? source.cidr : source.group
  return protocol === '-1' ? `peer: ${peer}, ALL, ALLOW` : `peer: ${peer}, TCP, from port: ${from}, to port: ${to}, ALLOW`
}

const portElements = ({ protocol, from, to }: SecurityGroupRule): string =>
  element('ipProtocol', protocol) + (protocol === '-1' ? '' : element('fromPort', from) + element('toPort', to))

/** Rules of the same ports stand together, as in EC2. */
export const permissionsXml = (name: string, rules: readonly SecurityGroupRule[], account: string): string => {
  const byPorts = Map.groupBy(rules, portElements)
  return items(
    name,
    [...byPorts].map(([ports, same]) => {
      const groups = same.flatMap(({ source, description }) =>
        'group' in source
          ? [element('userId', account) + element('groupId', source.group) + element('description', description)]
          : [],
      )
      const networks = same.flatMap(({ source, description }) =>
        'cidr' in source ? [element('cidrIp', source.cidr) + element('description', description)] : [],
      )
      return ports + items('groups', groups) + items('ipRanges', networks) + items('ipv6Ranges', []) + items('prefixListIds', [])
    }),
  )
}

export interface ShownRule {
  readonly groupId: string
  readonly rule: SecurityGroupRule
  readonly egress: boolean
}

export const ruleXml = ({ groupId, rule, egress }: ShownRule, account: string): string =>
  element('securityGroupRuleId', rule.id) +
  element('groupId', groupId) +
  element('groupOwnerId', account) +
  element('isEgress', egress) +
  element('ipProtocol', rule.protocol) +
  element('fromPort', rule.from) +
  element('toPort', rule.to) +
  ('cidr' in rule.source
    ? element('cidrIpv4', rule.source.cidr)
    : `<referencedGroupInfo>${element('groupId', rule.source.group)}${element('userId', account)}</referencedGroupInfo>`) +
  element('description', rule.description) +
  '<tagSet/>'
