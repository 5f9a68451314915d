/** Tells of changed keys, from one connection or several. */
import type { Tracking } from '../connection.ts'
import { within } from './deadline.ts'
import type { NodeHandle } from './node.ts'

export interface TrackingSource {
  readonly port: Tracking
  invalidated(keys: readonly string[] | null): void
  lost(): void
}

export const createTracking = (nodes: () => readonly NodeHandle[], timeout: number): TrackingSource => {
  const onInvalidated: ((keys: readonly string[] | null) => void)[] = []
  const onLost: (() => void)[] = []
  return {
    port: {
      onInvalidated: (listener) => {
        onInvalidated.push(listener)
      },
      onLost: (listener) => {
        onLost.push(listener)
      },
      settle: async () => {
        // The server tells of a change before it answers what came after the change.
        await within(Promise.all(nodes().map((node) => node.call({ key: '', args: ['PING'] }))), timeout)
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
