import type { Action } from './actions.ts'
import { factsOf, type GroupInput, isServing } from './input.ts'
import { needsRestart } from './processes.ts'

/**
 * Parameters that apply at once are given to running nodes; the others wait for the reboot and are shown as `pending-reboot`
 * until then. What was refused once is tried again only when something changes (the state remembers what was applied).
 */
export const decideSettings = (input: GroupInput): readonly Action[] => {
  const { spec, wanted } = input
  return spec.shards
    .flatMap((shard) => factsOf(input, shard).filter((node) => isServing(node) && !needsRestart(input, shard, node)))
    .flatMap((node): readonly Action[] => {
      const differing = Object.entries(wanted.parameters).filter(([name, value]) => node.state.parameters[name] !== value)
      const apply = Object.fromEntries(differing.filter(([name]) => !wanted.requiresReboot.has(name)))
      const pendingReboot = differing.some(([name]) => wanted.requiresReboot.has(name))
      const engine = node.seen.engine
      const resize =
        spec.engine !== 'memcached' && engine !== null && engine.maxMemoryBytes !== wanted.maxMemoryBytes
          ? wanted.maxMemoryBytes
          : null
      const status = pendingReboot ? 'pending-reboot' : 'in-sync'
      const same = Object.keys(apply).length === 0 && resize === null
      if (same && node.state.parameterStatus === status && node.state.nodeType === spec.nodeType) return []
      return [{ do: 'parameters', node: node.spec.id, apply, maxMemoryBytes: resize, pendingReboot, nodeType: spec.nodeType }]
    })
}
