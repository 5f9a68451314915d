/** One server, or the primary endpoint of a group without cluster mode. */
import type { Answer, Command, Connection } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { within } from './deadline.ts'
import { type NodeHandle, openNode, unavailable } from './node.ts'
import { openReader, pickReader } from './reader.ts'
import type { Settings } from './settings.ts'
import { createTracking } from './tracking.ts'
import type { WireFactory } from './wire.ts'

const checkInterval = 1_000
const [firstRenewPause, longestRenewPause] = [50, 250]

export interface SingleConnection extends Connection {
  /** Rejects with `refused` where the server does not let in, with `unavailable` where it does not answer in time. */
  connected(): Promise<void>
}

export const openSingle = (factory: WireFactory, settings: Settings): SingleConnection => {
  const { url, commandTimeout, connectTimeout, readFrom, zone, isTracking } = settings
  const tracking = isTracking ? createTracking(() => [current.node], factory.tracks === 'in order', commandTimeout) : null
  let closed = false

  const open = () =>
    openNode(
      factory,
      { ...settings.wire, url, track: isTracking, isReplica: false },
      {
        commandTimeout,
        renew: () => renew(),
        onLost: () => tracking?.lost(),
        onInvalidated: (keys) => tracking?.invalidated(keys),
      },
    )
  let current = open()
  let renewal: NodeJS.Timeout | undefined
  let renewPause = firstRenewPause
  /** Whoever is asked for the address now may be another one. Not at once, since it may take a moment until it is, and ever more rarely where it is not. */
  const renew = (): void => {
    if (closed) return
    renewal ??= setTimeout(() => {
      renewal = undefined
      renewPause = Math.min(longestRenewPause, 2 * renewPause)
      const { wire, node } = current
      node.dispose()
      tracking?.lost()
      current = open()
      wire.close()
    }, renewPause)
    renewal.unref()
  }

  const urls = typeof readFrom === 'object' ? [readFrom.url].flat() : []
  const readers = urls.map((from) => openReader(factory, from, settings))
  const checks = setInterval(() => {
    if (current.node.epoch() !== null) renewPause = firstRenewPause
    for (const { check } of [current.node, ...readers]) check().catch(() => undefined) // told by its events
  }, checkInterval)
  checks.unref()

  /** Values come from a replica, where one answers. */
  const askApart = (node: NodeHandle, commands: readonly Command[]): Promise<readonly Answer[]> =>
    Promise.all(
      commands.map((command) => {
        const epoch = node.epoch() ?? ''
        const reader = command.fromReplica === true ? pickReader(readers, zone, Math.random) : undefined
        const reply = reader === undefined ? node.call(command) : reader.call(command).catch(() => node.call(command))
        return reply.then((value): Answer => ({ value, epoch }))
      }),
    )
  const ask = (node: NodeHandle, commands: readonly Command[], milliseconds: number): Promise<readonly Answer[]> => {
    if (readers.length === 0) return node.ask(commands, milliseconds)
    return within(askApart(node, commands), milliseconds, node.life).catch((error: unknown) => {
      throw unavailable(error)
    })
  }
  const send = (commands: readonly Command[], milliseconds: number): Promise<readonly Answer[]> => {
    const { node } = current
    if (node.epoch() !== null) return ask(node, commands, milliseconds)
    const began = performance.now()
    return node.ready(milliseconds).then(() => {
      if (node.epoch() === null) throw unavailable('the connection was lost')
      return ask(node, commands, Math.max(1, Math.round(milliseconds - (performance.now() - began))))
    })
  }

  return {
    clustered: false,
    readsReplicas: readers.length > 0,
    tracking: tracking?.port ?? null,
    connected: () => current.node.ready(connectTimeout),
    send: (commands, { timeout = commandTimeout } = {}) => {
      if (closed) return Promise.reject(new CacheError('closed', 'the connection was closed'))
      return send(commands, timeout)
    },
    close: async () => {
      if (closed) return
      closed = true
      clearInterval(checks)
      clearTimeout(renewal)
      current.node.dispose()
      current.wire.close()
      for (const reader of readers) reader.close()
    },
  }
}
