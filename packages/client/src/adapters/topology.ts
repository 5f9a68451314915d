/** Which node has which slots, and where a server sends who asks the wrong one. */
import type { Reply } from '../connection/connection.ts'

export interface ShardView {
  readonly from: number
  readonly to: number
  /** `HOST:PORT` */
  readonly primary: string
  readonly replicas: readonly string[]
  /** Of the primary and of the replicas, as far as the server says them. */
  readonly ids: readonly string[]
}

const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? (reply as readonly Reply[]) : [])
const textOf = (reply: Reply | undefined): string => (reply === null || reply === undefined ? '' : String(reply))

/** The address that is told beside a name that is none: `[…, 'ip', ADDRESS, …]`. */
const ipIn = (extras: Reply | undefined): string => {
  const pairs = list(extras).map(textOf)
  return pairs[pairs.indexOf('ip') + 1] ?? ''
}

/** One without a host is the one that was asked; one whose name is not known has an address beside it. */
const hostOf = (host: string, extras: Reply | undefined, asked: string): string => {
  if (host !== '' && host !== '?') return host
  const ip = host === '?' && list(extras).length > 0 ? ipIn(extras) : ''
  return ip === '' ? asked : ip
}

/** The answer of CLUSTER SLOTS. `asked`: the host of the one who gave it. A node that is gone has no port: it is left out, and a shard without a primary, too. */
export const readSlots = (reply: Reply, asked: string): readonly ShardView[] =>
  list(reply).flatMap((range): readonly ShardView[] => {
    const [from, to, ...nodes] = list(range)
    const [primary, ...replicas] = nodes.map((node) => {
      const [host, port, , extras] = list(node)
      return Number(port) > 0 ? `${hostOf(textOf(host), extras, asked)}:${Number(port)}` : null
    })
    if (typeof primary !== 'string') return []
    const ids = nodes.map((node) => textOf(list(node)[2]))
    return [{ from: Number(from), to: Number(to), primary, replicas: replicas.filter((address) => address !== null), ids }]
  })

export const hostIn = (address: string): string => address.slice(0, address.lastIndexOf(':'))

export interface Redirection {
  /** `later`: some keys are here and some are there, for as long as they are on their way. */
  readonly kind: 'moved' | 'ask' | 'later'
  /** Null: whoever is asked is to find out. */
  readonly address: string | null
}

/** `asked`: the address of the one who said it. Null: it is another error. */
export const readRedirection = (message: string, asked: string): Redirection | null => {
  const [kind, , address = ''] = message.split(' ')
  if (kind === 'TRYAGAIN') return { kind: 'later', address: null }
  if (kind !== 'MOVED' && kind !== 'ASK') return null
  const host = hostIn(address)
  const known = host === '' ? `${hostIn(asked)}${address}` : address
  const isUnknown = host === '?' || address.endsWith(':0')
  return { kind: kind === 'ASK' ? 'ask' : 'moved', address: isUnknown ? null : known }
}

/** The URL of another node, with the protocol and the user of this one. */
export const urlOf = (base: string, address: string): string => {
  const url = new URL(base)
  const host = hostIn(address)
  url.hostname = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  url.port = address.slice(address.lastIndexOf(':') + 1)
  return url.href
}

/**
 * Whether it is the same cluster as far as can be told: most often nodes come and go one by one. One that was taken out and put into another cluster, or
 * whose address has another one now, knows none of those that were known, but itself.
 */
export const isSameCluster = (known: ReadonlySet<string>, view: readonly ShardView[], asked: string | null): boolean => {
  const ids = view.flatMap((shard) => shard.ids).filter((id) => id !== '')
  if (known.size === 0 || ids.length === 0) return true
  return ids.some((id) => known.has(id) && (id !== asked || known.size === 1))
}
