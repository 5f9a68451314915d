/**
 * One control connection to each running node, kept open: its end is the first sign that a process has died, and arrives within
 * about a millisecond.
 */
import type { NodeState } from '../../model/group.ts'
import type { ConnectPlan, EngineAdapter, EngineControl } from '../../ports/engine.ts'

export interface Connections {
  /** The open connection of this node, or a new one. Rejects with `engine-unreachable` or `deadline`. */
  open(name: string, adapter: EngineAdapter, plan: ConnectPlan, deadlineMs: number): Promise<EngineControl>
  /** The connection that is open or being opened; null: none. */
  present(name: string): Promise<EngineControl> | null
  drop(name: string): void
  closeAll(): void
}

export const connectionName = (region: string, node: Pick<NodeState, 'id'>): string => `${region}/${node.id}`

/** `onLost` is called with the node's name when a connection ends that nobody closed here. */
export const createConnections = (onLost: (name: string) => void): Connections => {
  const open = new Map<string, Promise<EngineControl>>()

  const forget = (name: string, promise: Promise<EngineControl>): boolean => open.get(name) === promise && open.delete(name)

  return {
    open: (name, adapter, plan, deadlineMs) => {
      const present = open.get(name)
      if (present !== undefined) return present
      const connecting = adapter.connect(plan, deadlineMs)
      open.set(name, connecting)
      connecting.then(
        (control) =>
          control.closed.then(() => {
            if (forget(name, connecting)) onLost(name)
          }),
        () => forget(name, connecting),
      )
      return connecting
    },
    present: (name) => open.get(name) ?? null,
    drop: (name) => {
      const present = open.get(name)
      open.delete(name)
      present?.then(
        (control) => control.close(),
        () => undefined, // it never opened
      )
    },
    closeAll: () => {
      for (const name of [...open.keys()]) {
        const present = open.get(name)
        open.delete(name)
        present?.then(
          (control) => control.close(),
          () => undefined, // it never opened
        )
      }
    },
  }
}
