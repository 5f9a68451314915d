/** Work that is done one after the other. */
import { isCacheError } from '../errors.ts'

/** Whoever waits for work that fails because the server does not answer fails with it: otherwise their times would add up. */
export const after = <T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> =>
  before.then(work, (error: unknown) => {
    if (isCacheError(error, 'unavailable', 'closed')) throw error
    return work()
  })

/** For each name by itself. */
export const createTurns = () => {
  const last = new Map<string, Promise<unknown>>()
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const own = after(last.get(name) ?? Promise.resolve(), work)
    last.set(name, own)
    const end = (): void => {
      if (last.get(name) === own) last.delete(name)
    }
    own.then(end, end)
    return own
  }
}
