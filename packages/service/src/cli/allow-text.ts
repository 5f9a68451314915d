/** Rules of security groups, as answers of EC2 hold them and as people read them. */
import { servicesAt } from '../model/security-groups.ts'

export interface Rule {
  /** -1: every port. */
  readonly from: number
  readonly to: number
  /** A network, or the id of a security group. */
  readonly source: string
}

const value = (item: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(item)?.[1]

/** The rules for who comes in, of an answer to DescribeSecurityGroupRules. */
export const rulesIn = (answer: string): readonly Rule[] =>
  [...answer.matchAll(/<item>(.*?)<\/item>/gs)].flatMap(([, item = '']) => {
    if (value(item, 'isEgress') !== 'false') return []
    const group = /<referencedGroupInfo><groupId>([^<]*)</.exec(item)?.[1]
    const source = value(item, 'cidrIpv4') ?? group
    const every = value(item, 'ipProtocol') === '-1'
    const [from, to] = every ? [-1, -1] : [Number(value(item, 'fromPort')), Number(value(item, 'toPort'))]
    return source === undefined ? [] : [{ from, to, source }]
  })

const portText = ({ from, to }: Rule): string => {
  if (from < 0) return 'every port'
  const services = from === to ? servicesAt(from) : []
  return `${from === to ? from : `${from}-${to}`}${services.length === 0 ? '' : ` (${services.join(', ')})`}`
}

const sourceText = ({ source }: Rule): string => {
  if (source === '0.0.0.0/0') return 'everybody'
  if (source.startsWith('sg-')) return `members of ${source}`
  return source.replace(/\/32$/, '')
}

/** In the order of ports, every port first. */
export const byPorts = (a: Rule, b: Rule): number => a.from - b.from || a.to - b.to || (a.source < b.source ? -1 : 1)

/** `6379 (redis, valkey)   from 10.0.0.0/8` */
export const ruleText = (rule: Rule): string => `${portText(rule).padEnd(22)} from ${sourceText(rule)}`
