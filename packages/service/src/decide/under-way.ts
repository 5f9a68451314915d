/** Actions that take long run on while the group is looked at again: what is under way is not done a second time, and holds up little. */
import type { Action } from './actions.ts'

/** Of the actions that begin or end the process of a node. */
export const processKey = (node: string): string => `process of ${node}`

/** What an action is about. Two actions that share a key are not carried out side by side. */
export const keysOf = (action: Action): readonly string[] => {
  switch (action.do) {
    case 'start':
    case 'stop':
    case 'remove-node':
      return [processKey(action.node)]
    case 'target':
      return [`target of ${action.shard}`]
    case 'hand-over':
      return ['hand-over']
    case 'promote':
    case 'follow':
    case 'meet':
    case 'slots':
    case 'forget':
    case 'bind':
    case 'publish':
    case 'parameters':
    case 'access':
    case 'transit':
    case 'certificate':
      return [`${action.do} ${action.node}`]
    case 'allocate':
    case 'own':
    case 'readers':
    case 'discovery':
    case 'fronts':
    case 'guard':
    case 'joined':
    case 'remove-group':
      return [action.do]
  }
}

/** Nothing later is decided while one of these is under way: later stages rest on it. */
const holding: ReadonlySet<Action['do']> = new Set([
  'allocate',
  'own',
  'target',
  'promote',
  'hand-over',
  'slots',
  'bind',
  'meet',
  'forget',
  'transit',
  'joined',
  'remove-group',
])

/** Who clients can write to: these come before whatever failed elsewhere. */
export const isUrgent = (action: Action): boolean => {
  if (action.do === 'stop') return action.because === 'hung' || action.because === 'zone'
  return ['target', 'promote', 'hand-over', 'follow', 'bind', 'slots'].includes(action.do)
}

/** Nobody waits for these: kernel rules, and the processes that make them, may be slow. */
export const isBeside = ({ do: what }: Action): boolean => what === 'readers' || what === 'guard'

/** What is left of a stage beside what is under way; null: the next stage may be looked at. */
export const notUnderWay = (actions: readonly Action[], underWay: ReadonlySet<string>): readonly Action[] | null => {
  const fresh = actions.filter((action) => !keysOf(action).some((key) => underWay.has(key)))
  if (fresh.length > 0) return fresh
  return actions.some((action) => holding.has(action.do)) ? [] : null
}
