/** A connection to a server that does not answer yet: the application starts without it, and has it as soon as somebody answers. */
import { setTimeout as delay } from 'node:timers/promises'
import { CacheError, isCacheError } from '../errors.ts'
import type { Connection, Tracking } from './connection.ts'

export interface LaterOptions {
  /** Tries once. Rejects with a `CacheError`. */
  readonly connect: () => Promise<Connection>
  /** Why it is not there yet. */
  readonly because: unknown
  readonly failed: (error: unknown) => void
  /** Whether changes are to be told. */
  readonly track: boolean
}

const firstPause = 50
const longestPause = 1_000

/** Its own members say what is known: a single server without replicas, until somebody answers. */
export const connectLater = ({ connect, because, failed, track }: LaterOptions): Connection => {
  const ended = new AbortController()
  const onInvalidated: ((keys: readonly string[] | null) => void)[] = []
  const onLost: (() => void)[] = []
  let connection: Connection | null = null
  let error = because

  const take = (opened: Connection): void => {
    for (const listener of onInvalidated) opened.tracking?.onInvalidated(listener)
    for (const listener of onLost) opened.tracking?.onLost(listener)
    connection = opened
  }
  const keepTrying = async (): Promise<void> => {
    for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
      await delay(pause, undefined, { signal: ended.signal, ref: false })
      try {
        const opened = await connect()
        if (ended.signal.aborted) await opened.close()
        else take(opened)
        return
      } catch (reason) {
        if (!isCacheError(reason)) throw reason
        error = reason
        failed(reason)
      }
    }
  }
  keepTrying().catch((reason: unknown) => {
    if (!ended.signal.aborted) failed(reason)
  })

  const tracking: Tracking = {
    get isInOrder() {
      return connection?.tracking?.isInOrder ?? false
    },
    onInvalidated: (listener) => {
      onInvalidated.push(listener)
      connection?.tracking?.onInvalidated(listener)
    },
    onLost: (listener) => {
      onLost.push(listener)
      connection?.tracking?.onLost(listener)
    },
    settle: async () => connection?.tracking?.settle(),
  }
  return {
    get clustered() {
      return connection?.clustered ?? false
    },
    get readsReplicas() {
      return connection?.readsReplicas ?? false
    },
    tracking: track ? tracking : null,
    send: (commands, options) => {
      if (connection !== null) return connection.send(commands, options)
      if (ended.signal.aborted) return Promise.reject(new CacheError('closed', 'the connection was closed'))
      return Promise.reject(new CacheError('unavailable', 'the cache has not answered yet', { cause: error }))
    },
    close: async () => {
      ended.abort()
      await connection?.close()
    },
  }
}
