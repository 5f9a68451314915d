/** The text and the meaning of Larder's table in the kernel's packet filter. Pure. */
import { isIPv4 } from 'node:net'
import { LarderError } from '../errors.ts'
import type { Endpoint } from '../model/group.ts'

export interface ReaderRule {
  readonly endpoint: Endpoint
  readonly backends: readonly Endpoint[]
}

/** Every part of a rule goes through this: no text of a record reaches the packet filter unchecked. */
const checked = ({ address, port }: Endpoint): Endpoint => {
  if (!isIPv4(address)) throw new LarderError('machine', `expected an IPv4 address for a rule, found ${JSON.stringify(address)}`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new LarderError('machine', `expected a port of 1 to 65535 for a rule, found ${port}`)
  return { address, port }
}

const readersChain = 'readers'

const verdict = (backends: readonly Endpoint[]): string => {
  const [first, ...others] = backends.map(checked)
  // Without the rule, somebody who listens on every address of the machine would get the connection. A chain of type `nat` is asked
  // only where connections are tracked, and a refusal alone does not turn tracking on: looking at the state does.
  if (first === undefined) return 'ct state new reject with tcp reset'
  if (others.length === 0) return `dnat to ${first.address}:${first.port}`
  const entries = [first, ...others].map(({ address, port }, index) => `${index} : ${address} . ${port}`)
  return `dnat to numgen inc mod ${entries.length} map { ${entries.join(', ')} }`
}

/**
 * Only the first packet of a connection. Without this, a connection from before connections were tracked (one to the forwarder that
 * served this endpoint until now) would be taken for a new one in its middle, and be sent to somebody who does not know it.
 */
const opening = 'tcp flags & (fin | syn | rst | ack) == syn'

const ruleText = ({ endpoint, backends }: ReaderRule): string => {
  const { address, port } = checked(endpoint)
  return `    ip daddr ${address} tcp dport ${port} ${opening} ${verdict(backends)}`
}

/** Nothing of the table is left; no complaint where there is none. */
export const removalText = (table: string): string => `table ip ${table}\ndelete table ip ${table}\n`

/**
 * The whole table, in place of the one before, in one transaction. A chain of type `nat` sees only the first packet of each
 * connection (also the refusal of empty endpoints stands there, and so costs nothing afterwards); traffic over loopback is made on
 * this machine, hence the hook `output`.
 */
export const tableText = (table: string, rules: readonly ReaderRule[]): string => {
  if (rules.length === 0) return removalText(table)
  const body = rules.map(ruleText).join('\n')
  return `${removalText(table)}table ip ${table} {
  chain ${readersChain} {
    type nat hook output priority -100; policy accept;
${body}
  }
}
`
}

interface JsonMatch {
  readonly left?: { readonly payload?: { readonly protocol?: string; readonly field?: string } }
  readonly right?: unknown
}

interface JsonDestination {
  readonly addr?:
    | string
    | {
        readonly map?: {
          readonly data?: { readonly set?: readonly (readonly [number, { readonly concat?: readonly unknown[] }])[] }
        }
      }
  readonly port?: number
}

interface JsonStatement {
  readonly match?: JsonMatch
  readonly dnat?: JsonDestination
}

interface JsonListing {
  readonly nftables?: readonly { readonly rule?: { readonly chain?: string; readonly expr?: readonly JsonStatement[] } }[]
}

const matched = (statements: readonly JsonStatement[], field: string): unknown =>
  statements.find((statement) => statement.match?.left?.payload?.field === field)?.match?.right

const backendsOf = (destination: JsonDestination | undefined): readonly Endpoint[] => {
  if (destination === undefined) return []
  const { addr, port } = destination
  if (typeof addr === 'string') return [checked({ address: addr, port: port ?? 0 })]
  const entries = addr?.map?.data?.set ?? []
  return entries.map(([, value]) => checked({ address: String(value.concat?.[0]), port: Number(value.concat?.[1]) }))
}

/** Reads `nft -j list table`. Throws `machine` when a rule is none of Larder's. */
export const parseListing = (json: string): readonly ReaderRule[] => {
  const listing = JSON.parse(json) as JsonListing
  return (listing.nftables ?? []).flatMap(({ rule }) => {
    if (rule === undefined || rule.chain !== readersChain) return []
    const statements = rule.expr ?? []
    const endpoint = checked({ address: String(matched(statements, 'daddr')), port: Number(matched(statements, 'dport')) })
    return [{ endpoint, backends: backendsOf(statements.find((statement) => statement.dnat !== undefined)?.dnat) }]
  })
}

/** The rules in a file, in one line, for the next Larder. */
export const noteOf = (rules: readonly ReaderRule[]): string => JSON.stringify({ readers: rules })

/** Null: that is no note of readers. */
export const parseNote = (note: string): readonly ReaderRule[] | null => {
  try {
    const { readers } = JSON.parse(note) as { readonly readers?: readonly ReaderRule[] }
    if (!Array.isArray(readers)) return null
    return readers.map(({ endpoint, backends }: ReaderRule) => ({ endpoint: checked(endpoint), backends: backends.map(checked) }))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof LarderError) return null
    throw error
  }
}
