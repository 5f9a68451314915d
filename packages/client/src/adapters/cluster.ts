/** A group in cluster mode: a connection to each primary, whose epoch is known. Commands go to the primary of their slot. */
import type { Answer, Command, Connection, Reply } from '../connection.ts'
import { CacheError } from '../errors.ts'
import { slotOf } from '../slot.ts'
import { within } from './deadline.ts'
import { type NodeHandle, unavailable, watchNode } from './node.ts'
import { openReader, pickReader, type Reader } from './reader.ts'
import type { Settings } from './settings.ts'
import { readSlots, type ShardView, urlOf } from './topology.ts'
import { createTracking } from './tracking.ts'
import type { Wire, WireFactory } from './wire.ts'

const checkInterval = 1_000
const lookInterval = 30
const slots = 16_384
const redirections = 5
/** Checks. */
const looksEvery = 15

interface Member {
  readonly wire: Wire
  readonly node: NodeHandle
}

export const openCluster = async (factory: WireFactory, settings: Settings): Promise<Connection> => {
  const { url, commandTimeout, connectTimeout, readFrom, zone, credentials, isTracking } = settings
  const fromReplicas = readFrom !== 'primary'
  /** Both by address. */
  const primaries = new Map<string, Member>()
  const replicas = new Map<string, Reader>()
  const shardAt: (ShardView | undefined)[] = Array.from({ length: slots })
  let closed = false
  let looking: Promise<void> | null = null
  const tracking = isTracking ? createTracking(() => [...primaries.values()].map(({ node }) => node), commandTimeout) : null

  const lookAgain = (): void => {
    look().catch(() => undefined) // tried again by whoever needs it
  }

  const memberAt = (address: string): Member => {
    const known = primaries.get(address)
    if (known !== undefined) return known
    const wire = factory.open({ ...settings.wire, url: urlOf(url, address), track: isTracking, isReplica: false })
    const node = watchNode(wire, {
      commandTimeout,
      credentials,
      renew: lookAgain,
      onLost: () => {
        if (closed) return
        tracking?.lost()
        lookAgain()
      },
      onInvalidated: (keys) => tracking?.invalidated(keys),
    })
    const member = { wire, node }
    primaries.set(address, member)
    return member
  }
  const drop = (address: string): void => {
    const member = primaries.get(address)
    primaries.delete(address)
    member?.node.dispose()
    member?.wire.close()
  }
  const dropReplica = (address: string): void => {
    replicas.get(address)?.close()
    replicas.delete(address)
  }
  const take = (view: readonly ShardView[]): void => {
    shardAt.fill(undefined)
    for (const shard of view) shardAt.fill(shard, shard.from, shard.to + 1)
    const wanted = new Set(view.map(({ primary }) => primary))
    const wantedReplicas = new Set(fromReplicas ? view.flatMap((shard) => shard.replicas) : [])
    for (const address of primaries.keys()) if (!wanted.has(address)) drop(address)
    for (const address of replicas.keys()) if (!wantedReplicas.has(address)) dropReplica(address)
    for (const address of wanted) memberAt(address)
    for (const address of wantedReplicas)
      if (!replicas.has(address)) replicas.set(address, openReader(factory, urlOf(url, address), settings))
  }

  const viewOf = async (wire: Wire, host: string): Promise<readonly ShardView[]> => {
    const view = readSlots((await within(wire.send(['CLUSTER', 'SLOTS']), commandTimeout)) as Reply, host)
    if (view.length === 0) throw unavailable('no shard has any slots')
    return view
  }

  /** Asks the nodes that are known, and where none of them answers the address that was given: whoever is there now. */
  const look = (): Promise<void> => {
    looking ??= (async () => {
      for (const [address, { wire }] of primaries) {
        if (!wire.isReady()) continue
        try {
          return take(await viewOf(wire, address.slice(0, address.lastIndexOf(':'))))
        } catch {
          // The next one may know.
        }
      }
      const first = factory.open({ ...settings.wire, url, track: false, isReplica: false })
      try {
        await within(new Promise<void>((resolve) => (first.isReady() ? resolve() : first.onReady(resolve))), connectTimeout)
        take(await viewOf(first, new URL(url).hostname))
      } finally {
        first.close()
      }
    })().finally(() => {
      // Not more often than that.
      setTimeout(() => {
        looking = null
      }, lookInterval).unref()
    })
    return looking
  }

  const primaryOf = async (slot: number): Promise<Member> => {
    const shard = shardAt[slot]
    if (shard === undefined) {
      await look()
      const found = shardAt[slot]
      if (found === undefined) throw unavailable(`no shard has slot ${slot}`)
      return primaryOf(slot)
    }
    const member = memberAt(shard.primary)
    if (member.node.epoch() === null) await member.node.ready()
    return member
  }

  /** The key is on its way to another shard, which answers who asks in this way. */
  const follow = (address: string, { args, script }: Command): Promise<Reply> => {
    const { wire } = memberAt(address)
    const asking = wire.send(['ASKING'])
    const reply = wire.send(script === undefined ? args : ['EVAL', script.text, ...args])
    return Promise.all([reply, asking]).then(([value]) => value as Reply)
  }

  const one = async (command: Command): Promise<Answer> => {
    const slot = slotOf(command.key)
    for (let turn = 0; ; turn += 1) {
      const { node, wire } = await primaryOf(slot)
      const epoch = node.epoch()
      if (epoch === null) throw unavailable('the connection was lost')
      try {
        return { value: await node.call(command), epoch }
      } catch (error) {
        if (!wire.isReply(error) || turn >= redirections) throw unavailable(error)
        // Neither was executed.
        const [kind, , address = ''] = error.message.split(' ')
        if (kind === 'ASK') return { value: await follow(address, command), epoch: `${epoch}~` }
        await look()
        if (turn > 0) await new Promise((resolve) => setTimeout(resolve, lookInterval))
      }
    }
  }

  const fromAnyReplica = async (command: Command): Promise<Reply> => {
    const all = shardAt[slotOf(command.key)]?.replicas ?? []
    const reader = pickReader(
      all.flatMap((address) => replicas.get(address) ?? []),
      zone,
      Math.random,
    )
    if (reader === undefined) return (await one(command)).value
    return reader.call(command).catch(async () => (await one(command)).value)
  }
  const send = (commands: readonly Command[]): Promise<readonly Answer[]> =>
    Promise.all(
      commands.map((command) =>
        fromReplicas && command.fromReplica === true
          ? fromAnyReplica(command).then((value): Answer => ({ value, epoch: '' }))
          : one(command),
      ),
    )

  let ticks = 0
  const checks = setInterval(() => {
    ticks += 1
    // Replicas come and go without anybody being told.
    if (ticks % looksEvery === 0 || (fromReplicas && shardAt.some((shard) => shard?.replicas.length === 0))) lookAgain()
    for (const { check } of [...[...primaries.values()].map(({ node }) => node), ...replicas.values()])
      check().catch(() => undefined) // told by its events
  }, checkInterval)
  checks.unref()
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    clearInterval(checks)
    for (const address of [...primaries.keys()]) drop(address)
    for (const address of [...replicas.keys()]) dropReplica(address)
  }

  try {
    await look()
    await within(Promise.all([...primaries.values()].map(({ node }) => node.ready())), connectTimeout)
  } catch (error) {
    await close()
    throw unavailable(error)
  }
  return {
    clustered: true,
    readsReplicas: fromReplicas,
    tracking: tracking?.port ?? null,
    send: (commands, { timeout = commandTimeout } = {}) => {
      if (closed) return Promise.reject(new CacheError('closed', 'the connection was closed'))
      return within(send(commands), timeout).catch((error: unknown) => {
        throw unavailable(error)
      })
    },
    close,
  }
}
