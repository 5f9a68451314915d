/** A replica, or what stands for replicas, of which values are read. */
import type { Command, Reply } from '../connection/connection.ts'
import { within } from './deadline.ts'
import { type NodeHandle, openNode } from './node.ts'
import type { Settings } from './settings.ts'
import type { Wire, WireFactory } from './wire.ts'

export interface Reader {
  isReady(): boolean
  /** Its availability zone, as Valkey 8 and later say it. Null: it does not say, or is not ready. */
  zone(): string | null
  /** As `call` of a node, and bounded in time. */
  call(command: Command): Promise<Reply>
  check(): Promise<void>
  close(): void
}

export const openReader = (
  factory: WireFactory,
  url: string,
  { commandTimeout, wire: how }: Pick<Settings, 'commandTimeout' | 'wire'>,
): Reader => {
  let isClosed = false
  const open = (): { readonly wire: Wire; readonly node: NodeHandle } =>
    openNode(
      factory,
      { ...how, url, track: false, isReplica: true },
      {
        commandTimeout,
        isReplica: true,
        renew: () => {
          if (isClosed) return
          close()
          current = open()
        },
        onLost: () => undefined,
        onInvalidated: () => undefined,
      },
    )
  const close = (): void => {
    current.node.dispose()
    current.wire.close()
  }
  let current = open()
  return {
    isReady: () => current.node.epoch() !== null,
    zone: () => current.node.zone(),
    // Half of the time, so that the primary can still be asked.
    call: (command) => within(current.node.call(command), commandTimeout / 2, current.node.life),
    check: () => current.node.check(),
    close: () => {
      isClosed = true
      close()
    },
  }
}

/** One that is ready, of that zone where there is one. Undefined: none is. */
export const pickReader = (readers: readonly Reader[], zone: string | undefined, random: () => number): Reader | undefined => {
  const ready = readers.filter((reader) => reader.isReady())
  const near = zone === undefined ? [] : ready.filter((reader) => reader.zone() === zone)
  const among = near.length > 0 ? near : ready
  return among[Math.floor(random() * among.length)]
}
