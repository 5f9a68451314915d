/** The clients that write: those that applications use, at the endpoints, and a bare connection to each node's own address. */
import { createClient } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { ReplyError } from '../packages/service/src/engines/valkey/resp.ts'
import { type Link, openLink, type Place, textOf, witnessOf } from './asking.ts'
import type { Witness } from './history.ts'

/** The engine refused it: nothing was written. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

export interface Client {
  /**
   * Appends the id to the list, in a transaction that tells who carried it out. Rejects with `Refused` where nothing was written for
   * certain; with any other error it may have been.
   */
  append(list: string, id: string): Promise<Witness>
  close(): void
}

const retryMs = 10

const closeQuietly = (): void => undefined

export const connectRedisClient = async ({ address, port }: Place): Promise<Client> => {
  const client = createClient({ socket: { host: address, port, reconnectStrategy: () => retryMs } })
  client.on('error', closeQuietly) // each write tells of it too
  await client.connect()
  return {
    async append(list, id) {
      const [, server, replication] = await client.multi().rPush(list, id).info('server').info('replication').exec()
      return witnessOf(String(server), String(replication))
    },
    close: () => client.destroy(),
  }
}

type Pipeline = readonly (readonly [Error | null, unknown])[] | null

const witnessIn = (results: Pipeline): Witness => {
  const failed = results?.find(([error]) => error !== null)?.[0]
  if (failed != null) throw failed
  const [, server, replication] = (results ?? []).map(([, value]) => String(value))
  return witnessOf(server ?? '', replication ?? '')
}

export const connectIoredis = ({ address, port }: Place): Client => {
  const client = new Redis({ host: address, port, retryStrategy: () => retryMs })
  client.on('error', closeQuietly)
  return {
    append: async (list, id) => witnessIn(await client.multi().rpush(list, id).info('server').info('replication').exec()),
    close: () => client.disconnect(),
  }
}

export const connectIoredisCluster = (places: readonly Place[]): Client => {
  const client = new Cluster(
    places.map(({ address, port }) => ({ host: address, port })),
    {
      clusterRetryStrategy: () => retryMs,
      retryDelayOnFailover: retryMs,
      retryDelayOnClusterDown: retryMs,
      slotsRefreshTimeout: 1_000,
      redisOptions: { connectTimeout: 1_000 },
    },
  )
  client.on('error', closeQuietly)
  return {
    append: async (list, id) => witnessIn(await client.multi().rpush(list, id).info('server').info('replication').exec()),
    close: () => client.disconnect(),
  }
}

const nodeDeadlineMs = 2_000

/** Without any retry: what the node itself says is what is told. */
export const connectNode = (place: Place): Client => {
  let link: Link | null = null
  let closed = false
  const opened = async (): Promise<Link> => {
    if (link !== null) return link
    const fresh = await openLink(place, nodeDeadlineMs).catch((error: unknown) => {
      throw new Refused('no connection', { cause: error })
    })
    if (closed) fresh.close()
    link = fresh
    fresh.closed.then(
      () => {
        if (link === fresh) link = null
      },
      () => undefined,
    )
    return fresh
  }
  return {
    async append(list, id) {
      const current = await opened()
      try {
        const [multi, queued, , , done] = await current.send(
          [['MULTI'], ['RPUSH', list, id], ['INFO', 'server'], ['INFO', 'replication'], ['EXEC']],
          nodeDeadlineMs,
        )
        if (queued instanceof ReplyError) throw new Refused(queued.message)
        // A busy engine may refuse MULTI and then take what follows one by one.
        if (multi instanceof ReplyError) throw multi
        if (done instanceof ReplyError) throw new Refused(done.message)
        const results = Array.isArray(done) ? done : []
        if (results[0] instanceof ReplyError) throw new Refused(results[0].message)
        return witnessOf(textOf(results[1]), textOf(results[2]))
      } catch (error) {
        if (!(error instanceof Refused)) {
          current.close()
          if (link === current) link = null
        }
        throw error
      }
    },
    close() {
      closed = true
      link?.close()
    },
  }
}
