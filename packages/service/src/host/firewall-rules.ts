/** The text of the table that guards the groups of a home. Pure. */
import { isIPv4 } from 'node:net'
import { LarderError } from '../errors.ts'
import type { Allowance, Guard } from '../ports/firewall.ts'
import { removalText } from './nftables-rules.ts'

/** Every part of a rule goes through one of these: no text of a record reaches the packet filter unchecked. */
const address = (text: string): string => {
  if (isIPv4(text)) return text
  throw new LarderError('machine', `expected an IPv4 address for a rule, found ${JSON.stringify(text)}`)
}

const network = (text: string): string => {
  const [start = '', length = '', ...more] = text.split('/')
  if (more.length === 0 && isIPv4(start) && /^(?:[0-9]|[12][0-9]|3[0-2])$/.test(length)) return text
  throw new LarderError('machine', `expected an IPv4 network for a rule, found ${JSON.stringify(text)}`)
}

const port = (value: number): number => {
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new LarderError('machine', `expected a port of 0 to 65535 for a rule, found ${value}`)
}

const userId = (value: number): number => {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new LarderError('machine', `expected the id of a system user for a rule, found ${value}`)
}

/** At once, and other than where nobody listens: EHOSTUNREACH. */
const refusal = 'reject with icmp type admin-prohibited'

/** Nothing but the first packet of a connection is looked at: nothing has to be tracked, and who is in stays in. */
const opening = 'tcp flags & (fin | syn | rst | ack) == syn'

const ruleOf = ({ ports, networks, nodes }: Allowance): string => {
  const sources = [...networks.map(network), ...nodes.map(address)].join(', ')
  const at = ports === null ? '' : ` tcp dport ${port(ports.from)}-${port(ports.to)}`
  return `    ip saddr { ${sources} }${at} accept`
}

const chainOf = ({ addresses, allows, bus }: Guard, index: number): string => {
  const members = addresses.map(address).join(', ')
  const closed = bus === undefined ? [] : [`    tcp dport ${port(bus)} ${refusal}`]
  const rules = [`    ip saddr { ${members} } accept`, ...closed, ...allows.map(ruleOf), `    ${refusal}`]
  return `  chain group${index} {\n${rules.join('\n')}\n  }\n`
}

/**
 * The whole table, in place of the one before, in one transaction. `user`: the id of the system user whose processes alone may speak from the
 * addresses of nodes; on one machine everybody could take them for their own otherwise.
 */
export const guardText = (table: string, guards: readonly Guard[], user: number): string => {
  if (guards.length === 0) return removalText(table)
  const entries = guards.flatMap((guard, index) => guard.addresses.map((each) => `${address(each)} : goto group${index}`))
  const nodes = new Set(guards.flatMap(({ addresses, allows }) => [...addresses, ...allows.flatMap((allow) => allow.nodes)]))
  return `${removalText(table)}table ip ${table} {
${guards.map(chainOf).join('')}  chain arriving {
    type filter hook input priority filter; policy accept;
    ${opening} ip daddr vmap { ${entries.join(', ')} }
  }
  chain leaving {
    type filter hook output priority filter; policy accept;
    ${opening} ip saddr { ${[...nodes].map(address).join(', ')} } meta skuid != ${userId(user)} ${refusal}
  }
}
`
}
