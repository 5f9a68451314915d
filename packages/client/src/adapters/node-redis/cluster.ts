/** A group in cluster mode, by `@redis/client`. Each command goes to the primary of its slot by a connection whose epoch is known. */
import { createCluster, ErrorReply } from '@redis/client'
import type { Answer, Command, Connection, ConnectionOptions, Reply } from '../../connection.ts'
import { CacheError } from '../../errors.ts'
import { slotOf } from '../../slot.ts'
import { bytes, clientOptions, type NodeHandle, type RawClient, unavailable, watchNode, within } from './node.ts'
import { createTracking } from './tracking.ts'

const checkInterval = 1_000
const rediscoverInterval = 50
const redirections = 4

interface Member {
  readonly client: RawClient
  readonly handle: NodeHandle
}

export const openCluster = async (options: ConnectionOptions): Promise<Connection> => {
  const { url, commandTimeout = 500, connectTimeout = 2_000, track = false, credentials, readFrom = 'primary' } = options
  const { username, password, protocol } = new URL(url)
  const fromReplicas = readFrom !== 'primary'
  const defaults = clientOptions({ ...options, ...(protocol === 'rediss:' && options.tls === undefined ? { tls: {} } : {}) })
  const cluster = createCluster({
    rootNodes: [{ ...defaults, url }],
    RESP: 3,
    defaults: {
      ...defaults,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    },
    useReplicas: fromReplicas,
    minimizeConnections: true,
  })
  const members = new Map<RawClient, Member>()
  let closed = false
  let lookedAt = 0
  const tracking = track ? createTracking(() => [...members.values()].map(({ handle }) => handle), commandTimeout) : null

  /** Where the slots are now. Many may ask at once. */
  const rediscover = async (): Promise<void> => {
    if (closed || performance.now() - lookedAt < rediscoverInterval) return
    lookedAt = performance.now()
    await cluster._slots.rediscover()
  }
  const lookAgain = (): void => {
    rediscover().catch(() => undefined) // tried again by whoever needs it
  }

  const memberOf = (client: RawClient, isReplica: boolean): Member => {
    const known = members.get(client)
    if (known !== undefined) return known
    const handle = watchNode(client, {
      commandTimeout,
      credentials,
      track,
      anyRole: isReplica,
      renew: lookAgain,
      onLost: () => {
        tracking?.lost()
        lookAgain()
      },
      onInvalidated: (keys) => tracking?.invalidated(keys),
    })
    const member = { client, handle }
    members.set(client, member)
    client.on('end', () => {
      handle.dispose()
      members.delete(client)
    })
    return member
  }

  const primaryFor = async (slot: number): Promise<NodeHandle> => {
    const shard = cluster.slots[slot]
    if (shard === undefined) throw unavailable(`no shard has slot ${slot}`)
    const client = (await cluster.nodeClient(shard.master)) as unknown as RawClient
    const { handle } = memberOf(client, false)
    if (handle.epoch() === null) await handle.ready()
    return handle
  }

  /** The key is on its way to another shard: the client knows how to follow it. */
  const follow = async ({ key, args, script }: Command): Promise<Reply> => {
    const full = script === undefined ? args : ['EVAL', script.text, ...args]
    return (await cluster.sendCommand(key, false, [...full], bytes)) as Reply
  }

  const one = async (command: Command): Promise<Answer> => {
    const slot = slotOf(command.key)
    for (let turn = 0; ; turn += 1) {
      const handle = await primaryFor(slot)
      const epoch = handle.epoch()
      if (epoch === null) throw unavailable('the connection was lost')
      try {
        return { value: await handle.call(command), epoch }
      } catch (error) {
        if (!(error instanceof ErrorReply)) throw error
        // Neither was executed.
        if (error.message.startsWith('ASK')) return { value: await follow(command), epoch: `${epoch}~` }
        if (turn >= redirections) throw unavailable(error)
        lookedAt = 0
        await rediscover()
      }
    }
  }

  /** Null: as good as not there. */
  const fromAnyReplica = async (command: Command): Promise<Reply> => {
    const replicas = cluster.slots[slotOf(command.key)]?.replicas ?? []
    const replica = replicas[Math.floor(Math.random() * replicas.length)]
    if (replica === undefined) return (await one(command)).value
    try {
      const client = (await cluster.nodeClient(replica)) as unknown as RawClient
      return await memberOf(client, true).handle.call(command)
    } catch {
      return (await one(command)).value
    }
  }

  const send = (commands: readonly Command[]): Promise<readonly Answer[]> =>
    Promise.all(
      commands.map(async (command) =>
        fromReplicas && command.fromReplica === true ? { value: await fromAnyReplica(command), epoch: '' } : one(command),
      ),
    )

  cluster.on('error', lookAgain)
  try {
    await within(cluster.connect(), connectTimeout)
  } catch (error) {
    cluster.destroy()
    throw unavailable(error)
  }
  const checks = setInterval(() => {
    for (const { handle } of members.values()) handle.check().catch(() => undefined) // told by its events
  }, checkInterval)
  checks.unref()

  return {
    clustered: true,
    tracking: tracking?.port ?? null,
    send: (commands, { timeout = commandTimeout } = {}) => {
      if (closed) return Promise.reject(new CacheError('closed', 'the connection was closed'))
      return within(send(commands), timeout).catch((error: unknown) => {
        throw unavailable(error)
      })
    },
    close: async () => {
      if (closed) return
      closed = true
      clearInterval(checks)
      for (const { handle } of members.values()) handle.dispose()
      cluster.destroy()
    },
  }
}
