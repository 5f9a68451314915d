/** Rules of security groups, as answers of EC2 hold them and as people read them. */
import { servicesAt } from '../model/security-groups.ts'

export interface Rule {
  /** -1: every port. */
  readonly from: number
  readonly to: number
  /** A network, or the id of a security group or of a prefix list. */
  readonly source: string
  /** Of a rule that lets nobody in: its protocol. */
  readonly without?: string
}

const value = (item: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(item)?.[1]

/** The rules for who comes in, of an answer to DescribeSecurityGroupRules. */
export const rulesIn = (answer: string): readonly Rule[] =>
  [...answer.matchAll(/<item>(<securityGroupRuleId>.*?)<tagSet>/gs)].flatMap(([, item = '']) => {
    if (value(item, 'isEgress') !== 'false') return []
    const group = /<referencedGroupInfo><groupId>([^<]*)</.exec(item)?.[1]
    const reachable = value(item, 'cidrIpv4') ?? group
    const source = reachable ?? value(item, 'cidrIpv6') ?? value(item, 'prefixListId') ?? ''
    const protocol = value(item, 'ipProtocol') ?? ''
    const [from, to] = protocol === '-1' ? [-1, -1] : [Number(value(item, 'fromPort')), Number(value(item, 'toPort'))]
    const counts = reachable !== undefined && (protocol === '-1' || protocol === 'tcp')
    return [{ from, to, source, ...(counts ? {} : { without: protocol === '-1' ? 'every protocol' : protocol }) }]
  })

const portText = ({ from, to }: Rule): string => {
  if (from < 0) return 'every port'
  const services = from === to ? servicesAt(from) : []
  return `${from === to ? from : `${from}-${to}`}${services.length === 0 ? '' : ` (${services.join(', ')})`}`
}

const sourceText = ({ source }: Rule): string => {
  if (source === '0.0.0.0/0') return 'everybody'
  if (source === '::/0') return 'everybody by IPv6'
  if (source.startsWith('sg-')) return `members of ${source}`
  return source.replace(/\/32$/, '')
}

/** In the order of ports, every port first. */
export const byPorts = (a: Rule, b: Rule): number => a.from - b.from || a.to - b.to || (a.source < b.source ? -1 : 1)

/** `6379 (redis, valkey)   from 10.0.0.0/8` */
export const ruleText = (rule: Rule): string => {
  const text = `${portText(rule).padEnd(22)} from ${sourceText(rule)}`
  return rule.without === undefined ? text : `${text} (${rule.without}; without effect: caches take TCP by IPv4)`
}
