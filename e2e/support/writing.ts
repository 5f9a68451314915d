/** A client that writes one number after the other, as an application does: what fails is tried again. */
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'

export interface Writer extends AsyncDisposable {
  /** Longest time between two acknowledged writes since the last reset, in milliseconds. */
  gap(): number
  reset(): void
  /** Numbers whose write was acknowledged. */
  readonly acknowledged: ReadonlySet<number>
  /** Numbers that are there now, by asking the server. */
  stored(): Promise<ReadonlySet<number>>
}

interface Place {
  readonly address: string
  readonly port: number
}

const retryMs = 10
const everyMs = 1
const list = '{writes}'

const connect = ({ address, port }: Place, cluster: boolean, ca: string | undefined): Redis | Cluster => {
  const client = cluster
    ? new Cluster([{ host: address, port }], {
        clusterRetryStrategy: () => retryMs,
        retryDelayOnFailover: retryMs,
        retryDelayOnClusterDown: retryMs,
        slotsRefreshTimeout: 500,
        redisOptions: { connectTimeout: 500 },
      })
    : new Redis({
        host: address,
        port,
        retryStrategy: () => retryMs,
        maxRetriesPerRequest: null,
        connectTimeout: 500,
        ...(ca === undefined ? {} : { tls: { ca } }),
      })
  client.on('error', () => undefined) // a write that fails tells it too
  return client
}

/** Writes to a hash under one key until it is disposed: a write that arrives twice is there once. `ca`: by TLS. */
export const startWriter = (place: Place, cluster = false, ca?: string): Writer => {
  const client = connect(place, cluster, ca)
  const acknowledged = new Set<number>()
  let going = true
  // A client that is between two connections gives up what waits in it to nobody.
  const ending = Promise.withResolvers<never>()
  ending.promise.catch(() => undefined)
  let longest = 0
  let last = performance.now()
  const write = async (): Promise<void> => {
    for (let number = 0; going; number += 1) {
      while (going) {
        try {
          await Promise.race([client.hset(list, String(number), '1'), ending.promise])
          acknowledged.add(number)
          const now = performance.now()
          longest = Math.max(longest, now - last)
          last = now
          break
        } catch {
          await delay(everyMs) // the same number again
        }
      }
      await delay(everyMs)
    }
  }
  const work = write()
  return {
    gap: () => Math.max(longest, performance.now() - last),
    reset: () => {
      longest = 0
      last = performance.now()
    },
    acknowledged,
    stored: async () => new Set((await client.hkeys(list)).map(Number)),
    async [Symbol.asyncDispose]() {
      going = false
      ending.reject(new Error('the writer ends'))
      client.disconnect()
      await work
    },
  }
}
