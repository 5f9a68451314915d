/** Tells of changed keys, from one connection or several. */
import type { Tracking } from '../connection/connection.ts'
import { within } from './deadline.ts'
import type { NodeHandle } from './node.ts'

export interface TrackingSource {
  readonly port: Tracking
  invalidated(keys: readonly string[] | null): void
  lost(): void
}

export const createTracking = (nodes: () => readonly NodeHandle[], isInOrder: boolean, timeout: number): TrackingSource => {
  const onInvalidated: ((keys: readonly string[] | null) => void)[] = []
  const onLost: (() => void)[] = []
  return {
    port: {
      isInOrder,
      onInvalidated: (listener) => {
        onInvalidated.push(listener)
      },
      onLost: (listener) => {
        onLost.push(listener)
      },
      settle: async () => {
        await within(Promise.all(nodes().map((node) => node.settle())), timeout)
      },
    },
    invalidated: (keys) => {
      for (const listener of onInvalidated) listener(keys)
    },
    lost: () => {
      for (const listener of onLost) listener()
    },
  }
}
