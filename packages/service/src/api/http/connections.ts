/** Who is connected, and who has to make room. Pure but for the closing of sockets. */
import type { ConnectionLimits } from './limits.ts'

/** What is used of a socket. */
export interface Peer {
  readonly remoteAddress?: string | undefined
  readonly destroyed: boolean
  destroy(): unknown
}

interface Connection {
  readonly peer: Peer
  readonly source: string
  signed: boolean
  /** Requests that have come whole in their headers and have no answer yet. */
  underWay: number
  /** Of these, those whose body has not come whole. */
  coming: number
  idleSince: number
}

/** No client of AWS sends a second request before the first is answered. What waits here delays those who come anew. */
const mostUnderWay = { signed: 16, unsigned: 4 }

/** Connections of one kind, by where they come from; of each source those that were idle longest come first. */
interface Pool {
  readonly limit: number
  readonly sources: Map<string, Set<Connection>>
  size: number
}

const createPool = (limit: number): Pool => ({ limit, sources: new Map(), size: 0 })

const put = (pool: Pool, connection: Connection): void => {
  const same = pool.sources.get(connection.source) ?? new Set()
  pool.sources.set(connection.source, same.add(connection))
  pool.size += 1
}

const take = (pool: Pool, connection: Connection): void => {
  const same = pool.sources.get(connection.source)
  if (same?.delete(connection) !== true) return
  pool.size -= 1
  if (same.size === 0) pool.sources.delete(connection.source)
}

const firstOf = (connections: Iterable<Connection>, holds: (connection: Connection) => boolean): Connection | null => {
  for (const connection of connections) if (holds(connection)) return connection
  return null
}

const isIdle = (connection: Connection): boolean => connection.underWay === 0
/** Nothing that it asked for is being worked at: it is idle, or has sent a part of a request. */
const holdsBack = ({ underWay, coming }: Connection): boolean => underWay === coming
const sendsWithoutWaiting = ({ underWay }: Connection): boolean => underWay > 1

/**
 * Who makes room for one more of `source` in a pool that is full, of the source that has most: who has been idle longest, or has begun a request
 * and does not end it; then who sends without waiting for answers. Where all of these wait for an answer, one of them goes for a source that has
 * fewer. Null: there is no room.
 */
const victimFor = (pool: Pool, source: string): Connection | null => {
  let largest: Set<Connection> = new Set()
  for (const connections of pool.sources.values()) if (connections.size > largest.size) largest = connections
  const own = pool.sources.get(source)?.size ?? 0
  return (
    firstOf(largest, holdsBack) ??
    firstOf(largest, sendsWithoutWaiting) ??
    (own + 1 < largest.size ? firstOf(largest, () => true) : null)
  )
}

export interface Connections {
  /** False: there is no room, and the peer was closed. */
  opened(peer: Peer): boolean
  closed(peer: Peer): void
  /** A request has come. False: the peer has sent more than it may before the answers, and was closed. */
  began(peer: Peer): boolean
  /** Its body has come whole. */
  received(peer: Peer): void
  /** It has its answer. `signed`: the signature of the request was right. */
  ended(peer: Peer, signed: boolean): void
  isSigned(peer: Peer): boolean
  /** Closes those that have not signed and have been idle for this long. */
  closeIdle(olderThanMs: number): void
  /** Closed for want of room, since it was asked last. */
  takeRefused(): number
  unsigned(): number
}

export const createConnections = (limits: ConnectionLimits, now: () => number): Connections => {
  const pools = { signed: createPool(limits.signed), unsigned: createPool(limits.unsigned) }
  const all = new Map<Peer, Connection>()
  let refused = 0
  const poolOf = ({ signed }: Connection): Pool => (signed ? pools.signed : pools.unsigned)

  const remove = (connection: Connection): void => {
    take(poolOf(connection), connection)
    all.delete(connection.peer)
  }
  const close = (connection: Connection): void => {
    remove(connection)
    connection.peer.destroy()
  }
  /** False: there is none. */
  const makeRoom = (pool: Pool, source: string): boolean => {
    if (pool.size < pool.limit) return true
    refused += 1
    const victim = victimFor(pool, source)
    if (victim !== null) close(victim)
    return victim !== null
  }

  return {
    opened(peer) {
      const source = peer.remoteAddress ?? ''
      if (!makeRoom(pools.unsigned, source)) {
        peer.destroy()
        return false
      }
      const connection: Connection = { peer, source, signed: false, underWay: 0, coming: 0, idleSince: now() }
      all.set(peer, connection)
      put(pools.unsigned, connection)
      return true
    },
    closed(peer) {
      const connection = all.get(peer)
      if (connection !== undefined) remove(connection)
    },
    began(peer) {
      const connection = all.get(peer)
      if (connection === undefined) return false // it was closed meanwhile
      connection.underWay += 1
      connection.coming += 1
      if (connection.underWay <= mostUnderWay[connection.signed ? 'signed' : 'unsigned']) return true
      refused += 1
      close(connection)
      return false
    },
    received(peer) {
      const connection = all.get(peer)
      if (connection !== undefined) connection.coming -= 1
    },
    ended(peer, signed) {
      const connection = all.get(peer)
      if (connection === undefined) return
      connection.underWay -= 1
      // One that was refused before it had come whole.
      connection.coming = Math.min(connection.coming, connection.underWay)
      connection.idleSince = now()
      take(poolOf(connection), connection)
      if (signed && !connection.signed) connection.signed = makeRoom(pools.signed, connection.source)
      put(poolOf(connection), connection) // behind all others
    },
    isSigned: (peer) => all.get(peer)?.signed === true,
    closeIdle(olderThanMs) {
      const since = now() - olderThanMs
      for (const connections of pools.unsigned.sources.values())
        for (const connection of connections) if (isIdle(connection) && connection.idleSince <= since) close(connection)
    },
    takeRefused() {
      const count = refused
      refused = 0
      return count
    },
    unsigned: () => pools.unsigned.size,
  }
}
