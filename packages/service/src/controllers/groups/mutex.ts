/** Runs one piece of work after the other, in the order of the calls. A failure is the caller's and does not stop the next. */
export const createMutex = (): ((work: () => Promise<void>) => Promise<void>) => {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}
