/** Which node has which slots. */
import type { Reply } from '../connection.ts'

export interface ShardView {
  readonly from: number
  readonly to: number
  /** `HOST:PORT` */
  readonly primary: string
  readonly replicas: readonly string[]
}

const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? (reply as readonly Reply[]) : [])

/** The answer of CLUSTER SLOTS. A node without an address is the one that was asked. */
export const readSlots = (reply: Reply, asked: string): readonly ShardView[] =>
  list(reply).map((range) => {
    const [from, to, ...nodes] = list(range)
    const [primary = '', ...replicas] = nodes.map((node) => {
      const [host, port] = list(node)
      const name = host === null || host === undefined ? '' : String(host)
      return `${name === '' || name === '?' ? asked : name}:${Number(port)}`
    })
    return { from: Number(from), to: Number(to), primary, replicas }
  })

/** The URL of another node, with the protocol and the user of this one. */
export const urlOf = (base: string, address: string): string => {
  const url = new URL(base)
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at)
  url.hostname = host.includes(':') ? `[${host}]` : host
  url.port = address.slice(at + 1)
  return url.href
}
