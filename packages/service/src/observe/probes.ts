/** Asks nodes how they are, for the report: over the connections that are open anyway, or over connections of its own. */
import type { GroupSpec, NodeState } from '../model/group.ts'
import type { EngineControl } from '../ports/engine.ts'
import type { Host } from '../ports/host.ts'
import type { Probe } from './report.ts'

/** An engine that answers later is shown as not answering: a report of many nodes must not wait for one. */
const answerDeadlineMs = 1_000

interface ProbeContext {
  readonly host: Pick<Host, 'check'>
  readonly tag: (region: string, nodeId: string) => string
  /** Rejects where the node cannot be reached. Whoever is given a connection of its own (`own`) closes it. */
  readonly connect: (spec: GroupSpec, node: NodeState) => Promise<{ readonly control: EngineControl; readonly own: boolean }>
}

/** Never rejects: a node that cannot be asked is reported as one that runs and does not answer. */
export const createProbe =
  ({ host, tag, connect }: ProbeContext): Probe =>
  async (spec, node) => {
    if (node.process === null || (await host.check(node.process, tag(spec.region, node.id))) !== 'running')
      return { pid: null, engine: null }
    const { pid } = node.process
    try {
      const { control, own } = await connect(spec, node)
      try {
        return { pid, engine: await control.status(answerDeadlineMs) }
      } finally {
        if (own) control.close()
      }
    } catch {
      return { pid, engine: null } // it runs and does not answer: that is what the report says then
    }
  }

/** Calls that come while one is under way share its outcome: a flood of questions costs no more than one. */
export const shared = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let current: Promise<T> | null = null
  return () => {
    current ??= work().finally(() => {
      current = null
    })
    return current
  }
}
