/**
 * Security groups: who may open connections to the caches that have them. As in EC2, a group is a set of rules that allow; what none
 * allows is refused, and the rules of all groups of a cache are taken together.
 */
import { createHash } from 'node:crypto'
import { invalidValue } from '../errors.ts'
import type { Tag } from './group.ts'

/** A network (`10.0.0.0/8`, `2001:db8::/32`), the nodes of all caches that have a security group of this id, or a prefix list. */
export type RuleSource =
  | { readonly cidr: string }
  | { readonly cidr6: string }
  | { readonly group: string }
  | { readonly prefixList: string }

export interface SecurityGroupRule {
  /** `sgr-` and 17 hexadecimal digits. */
  readonly id: string
  /** `tcp`, `udp`, `icmp`, `icmpv6`, or a number; `-1` is every protocol and every port. */
  readonly protocol: string
  /** First and last port, both included; -1 for every port. Type and code of ICMP. */
  readonly from: number
  readonly to: number
  readonly source: RuleSource
  readonly description?: string
  readonly tags?: readonly Tag[]
}

/**
 * Can the rule let anybody in? Caches speak TCP and have addresses of IPv4, and nobody fills prefix lists here. Other rules are kept and shown:
 * groups that are shared with other machines have them.
 */
export const hasEffect = ({ protocol, source }: Pick<SecurityGroupRule, 'protocol' | 'source'>): boolean =>
  (protocol === 'tcp' || protocol === '-1') && ('cidr' in source || 'group' in source)

export interface SecurityGroupRecord {
  readonly region: string
  /** `sg-` and 17 hexadecimal digits. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly ingress: readonly SecurityGroupRule[]
  /** Kept and shown. Caches open no connections to others, so it has nothing to act upon. */
  readonly egress: readonly SecurityGroupRule[]
  readonly tags: readonly Tag[]
  /** Without: the default VPC of the region. */
  readonly vpc?: string
}

/** Which group of a VPC has this name: names are unique in it. */
export interface SecurityGroupName {
  readonly id: string
}

export const securityGroupPrefix = 'securitygroup/'
export const securityGroupKey = (region: string, id: string): string => `${securityGroupPrefix}${region}/${id}`
/** Names may hold what a key may not. `vpc`: as in the record. */
export const securityGroupNameKey = (region: string, name: string, vpc?: string): string => {
  const text = vpc === undefined ? name : `${vpc}/${name}`
  return `securitygroupname/${region}/${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}

export const isSecurityGroupId = (text: string): boolean => /^sg-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(text)

export const defaultSecurityGroupName = 'default'
const everywhere = '0.0.0.0/0'

const digits = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 17)

export const defaultSecurityGroupId = (region: string): string => `sg-${digits(`${region}/security-group/default`)}`

/** What a new group of EC2 lets out. */
export const allEgress = (groupId: string): SecurityGroupRule => ({
  id: `sgr-${digits(`${groupId}/egress`)}`,
  protocol: '-1',
  from: -1,
  to: -1,
  source: { cidr: everywhere },
})

/**
 * The group that every region has without anybody making it, and that caches have which name none. It is stored only once somebody
 * changed it. Other than in EC2 it lets everybody in (docs/decisions/0010-security-groups.md).
 */
export const defaultSecurityGroup = (region: string): SecurityGroupRecord => {
  const id = defaultSecurityGroupId(region)
  const every = { protocol: '-1', from: -1, to: -1 } as const
  return {
    region,
    id,
    name: defaultSecurityGroupName,
    description: 'default VPC security group',
    ingress: [
      { id: `sgr-${digits(`${id}/members`)}`, ...every, source: { group: id } },
      {
        id: `sgr-${digits(`${id}/everywhere`)}`,
        ...every,
        source: { cidr: everywhere },
        description: 'whatever reaches this machine; revoke it to let nobody in without a rule',
      },
    ],
    egress: [allEgress(id)],
    tags: [],
  }
}

/** What it is called: a network or an id. */
export const sourceName = (source: RuleSource): string => {
  if ('cidr' in source) return source.cidr
  if ('cidr6' in source) return source.cidr6
  return 'group' in source ? source.group : source.prefixList
}

/** What EC2 compares: two rules of a group never agree in it. */
export const meaningOf = ({ protocol, from, to, source }: Omit<SecurityGroupRule, 'id'>): string =>
  [protocol, from, to, sourceName(source)].join(' ')

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const bitsOf = (address: string): number => address.split('.').reduce((bits, part) => bits * 256 + Number(part), 0)
const addressOf = (bits: number): string => [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.')

/** `10.1.2.3/8` is `10.0.0.0/8`, as EC2 keeps it; null for what is no IPv4 network. */
export const networkOf = (text: string): string | null => {
  const [address = '', length = '', ...more] = text.split('/')
  if (more.length > 0 || !ipv4.test(address) || !/^(?:[0-9]|[12][0-9]|3[0-2])$/.test(length)) return null
  const size = 2 ** (32 - Number(length))
  return `${addressOf(Math.floor(bitsOf(address) / size) * size)}/${length}`
}

/** Is all of `inner` in `outer`? Both as `networkOf` gives them. */
export const isWithin = (inner: string, outer: string): boolean => {
  const [address = '', length = ''] = inner.split('/')
  const [, most = ''] = outer.split('/')
  return Number(length) >= Number(most) && networkOf(`${address}/${most}`) === outer
}

/** Ports that a rule may name by the service that usually listens there. */
const servicePorts: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  sftp: 22,
  http: 80,
  https: 443,
  mssql: 1433,
  oracle: 1521,
  mysql: 3306,
  mariadb: 3306,
  postgresql: 5432,
  redis: 6379,
  valkey: 6379,
  memcached: 11_211,
}

export const serviceNames: readonly string[] = Object.keys(servicePorts)

const portOf = (text: string): number | null => {
  const named = Object.hasOwn(servicePorts, text.toLowerCase()) ? servicePorts[text.toLowerCase()] : undefined
  if (named !== undefined) return named
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : -1
  return port >= 0 && port <= 65_535 ? port : null
}

/** Names of the service that usually listens at a port; empty where none is known. */
export const servicesAt = (port: number): readonly string[] =>
  Object.keys(servicePorts).filter((name) => servicePorts[name] === port)

/** `6379`, `redis`, `6379-6400`; null for what is none of these. */
export const parsePorts = (text: string): { readonly from: number; readonly to: number } | null => {
  const [first = '', last = first, ...more] = text.split('-')
  const [from, to] = [portOf(first), portOf(last)]
  return from === null || to === null || from > to || more.length > 0 ? null : { from, to }
}

/**
 * The tag by which a security group of EC2 says who has it beside caches: applications, which EC2 would know as instances. Networks or addresses, separated by
 * blanks: `127.1.2.3 10.0.0.0/8`.
 */
const membersTag = 'larder:members'

/** Null where one of them is no network. */
const networksIn = (text: string): readonly string[] | null => {
  const networks = text.split(/\s+/).flatMap((part) => (part === '' ? [] : [networkOf(part.includes('/') ? part : `${part}/32`)]))
  return networks.includes(null) ? null : networks.filter((network) => network !== null)
}

/** Throws `InvalidParameterValueException` for a tag that says who the members are and cannot be read. */
export const checkMembersTag = (tags: readonly Tag[]): void => {
  for (const { key, value } of tags) {
    if (key !== membersTag || networksIn(value) !== null) continue
    throw invalidValue(
      `The tag ${membersTag} must hold networks like 10.0.0.0/8 or addresses, separated by blanks, found ${value}`,
    )
  }
}

export const memberNetworks = (tags: readonly Tag[]): readonly string[] =>
  networksIn(tags.find(({ key }) => key === membersTag)?.value ?? '') ?? []
