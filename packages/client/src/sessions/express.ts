/** A store for express-session. */
import type { EventEmitter } from 'node:events'
import { types } from 'node:util'
import { shown, usage } from '../check.ts'
import type { Connection } from '../connection/connection.ts'
import { answer, type Callback, dataOf, inherit, store } from './bases.ts'
import type { SessionData } from './merge.ts'
import { createTextSessions, type SessionsOptions } from './sessions.ts'

interface CookieData {
  readonly maxAge?: number | null
  readonly originalMaxAge?: number | null
  readonly expires?: Date | string | boolean | null
}

/** What express-session's own Store is, as far as it is used here. */
interface ExpressStore extends EventEmitter {
  createSession(request: object, session: object): object
}
type ExpressStoreClass = new (options?: object) => ExpressStore

const nothing = (): void => undefined
const same = <T>(value: T): T => value

/** Milliseconds that the cookie still has. Undefined: as long as the browser is open, or it does not say. */
const cookieLife = (cookie: CookieData | null | undefined): number | undefined => {
  if (cookie === undefined || cookie === null) return undefined
  const { expires, maxAge, originalMaxAge } = cookie
  if (types.isDate(expires) || typeof expires === 'string') return Math.max(1, new Date(expires).getTime() - Date.now())
  return typeof maxAge === 'number' ? maxAge : typeof originalMaxAge === 'number' ? originalMaxAge : undefined
}

export const ttlOf = (data: object | null | undefined): number | undefined =>
  cookieLife((data as { readonly cookie?: CookieData | null } | null | undefined)?.cookie)

export interface ExpressSessionStore extends ExpressStore {
  get(id: string, callback: Callback<SessionData | null>): void
  set(id: string, session: object, callback?: Callback<void>): void
  touch(id: string, session: object, callback?: Callback<void>): void
  destroy(id: string, callback?: Callback<void>): void
  all(callback: Callback<readonly SessionData[]>): void
  length(callback: Callback<number>): void
  clear(callback?: Callback<void>): void
}

/**
 * `session({ store: createExpressStore(session, connection), … })`, with what `import session from 'express-session'` gives. Two requests that change one session at once
 * both keep their changes; a session that was destroyed stays destroyed.
 */
export const createExpressStore = <T>(
  session: { readonly Store: abstract new () => T },
  connection: Connection,
  options: SessionsOptions = {},
): T & ExpressSessionStore => {
  const Store = (session as { readonly Store?: unknown } | null | undefined)?.Store as ExpressStoreClass
  if (typeof Store !== 'function') throw usage("what 'express-session' exports", shown(session))
  const sessions = createTextSessions(connection, options)

  class LarderStore extends Store {
    override createSession(request: object, data: object): object {
      const made = super.createSession(request, data)
      inherit(made, data)
      return made
    }
    get(id: string, callback: Callback<SessionData | null>): void {
      answer(sessions.get(id), callback, (found) => (found === null ? null : dataOf(id, found)))
    }
    set(id: string, data: object, callback?: Callback<void>): void {
      answer(store(sessions, id, data, ttlOf(data)), callback, nothing)
    }
    touch(id: string, data: object, callback?: Callback<void>): void {
      answer(sessions.touch(id, ttlOf(data)), callback, nothing)
    }
    destroy(id: string, callback?: Callback<void>): void {
      answer(sessions.destroy(id), callback, nothing)
    }
    all(callback: Callback<readonly SessionData[]>): void {
      const work = async (): Promise<readonly SessionData[]> => {
        const found: SessionData[] = []
        for await (const { id, data } of sessions.all()) found.push({ ...data, id })
        return found
      }
      answer(work(), callback, same)
    }
    length(callback: Callback<number>): void {
      answer(sessions.length(), callback, same)
    }
    clear(callback?: Callback<void>): void {
      answer(sessions.clear(), callback, nothing)
    }
  }
  return new LarderStore() as unknown as T & ExpressSessionStore
}
