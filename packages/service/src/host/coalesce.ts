/**
 * Many want the same whole thing written, each after a change of its own. The returned function resolves when a write that began
 * after the call has finished; calls that come while one is under way share the next. Rejections go to all that shared the write.
 */
export const coalesced = (write: () => Promise<void>): (() => Promise<void>) => {
  let current: Promise<void> = Promise.resolve()
  let next: Promise<void> | null = null
  return () => {
    next ??= current
      .catch(() => undefined) // its own callers have been told
      .then(() => {
        current = next ?? Promise.resolve()
        next = null
        return write()
      })
    return next
  }
}
