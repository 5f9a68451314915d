/** Whether the cache is asked at all. Pure: the time is given. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  /** Nobody asks until then. */
  | { readonly kind: 'open'; readonly until: number; readonly wait: number }
  /** One asks, to see whether it is back; if he has not told by then, another one does. */
  | { readonly kind: 'trying'; readonly until: number; readonly wait: number }

export interface BreakerRules {
  /** So many failures one after the other open it. */
  readonly failures: number
  /** Milliseconds that it is open at first; doubled for each try that fails, up to `longest`. */
  readonly wait: number
  readonly longest: number
}

export const closed: BreakerState = { kind: 'closed', failures: 0 }

export const beforeAsking = (state: BreakerState, now: number): { readonly state: BreakerState; readonly ask: boolean } => {
  if (state.kind === 'closed') return { state, ask: true }
  if (now < state.until) return { state, ask: false }
  return { state: { kind: 'trying', until: now + state.wait, wait: state.wait }, ask: true }
}

export const afterAsking = (state: BreakerState, now: number, answered: boolean, rules: BreakerRules): BreakerState => {
  if (answered) return state.kind === 'closed' && state.failures === 0 ? state : closed
  if (state.kind === 'closed') {
    const failures = state.failures + 1
    return failures < rules.failures ? { kind: 'closed', failures } : { kind: 'open', until: now + rules.wait, wait: rules.wait }
  }
  if (state.kind === 'open') return state
  const wait = Math.min(rules.longest, state.wait * 2)
  return { kind: 'open', until: now + wait, wait }
}
