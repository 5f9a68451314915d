/** Tells a worker that something has happened to its group since its last look at it began. */
export interface Interruption {
  /** Anything: another spec, another zone, the end of what was under way. */
  readonly happened: boolean
  /** Resolves when a node has ended, or was found hung: clients may be waiting. */
  readonly loss: Promise<void>
  /** A look begins, which sees all that has happened so far. */
  begin(): void
  tell(kind: 'change' | 'loss'): void
}

export const createInterruption = (): Interruption => {
  let happened = false
  let lost = Promise.withResolvers<void>()
  return {
    get happened() {
      return happened
    },
    get loss() {
      return lost.promise
    },
    begin() {
      happened = false
      lost = Promise.withResolvers()
    },
    tell(kind) {
      happened = true
      if (kind === 'loss') lost.resolve()
    },
  }
}
