/** A store for express-session. */
import type { EventEmitter } from 'node:events'
import type { Connection } from '../connection.ts'
import { messageOf } from '../errors.ts'
import type { SessionData } from './merge.ts'
import { createSessions, type Session, type Sessions, type SessionsOptions } from './sessions.ts'

type Callback<T> = (error?: unknown, value?: T) => void

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

/** What changes with each request, and so makes no conflict. */
const ignored = ['cookie']

/** Milliseconds that the cookie still has. Undefined: as long as the browser is open, or it does not say. */
export const cookieLife = (cookie: CookieData | undefined): number | undefined => {
  if (cookie === undefined) return undefined
  const { expires, maxAge, originalMaxAge } = cookie
  if (expires instanceof Date || typeof expires === 'string') return Math.max(1, new Date(expires).getTime() - Date.now())
  return typeof maxAge === 'number' ? maxAge : typeof originalMaxAge === 'number' ? originalMaxAge : undefined
}

const tell = <T>(work: Promise<T>, callback: Callback<T> | undefined): void => {
  work.then(
    (value) => callback?.(null, value),
    (error: unknown) => callback?.(error),
  )
}

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
  const sessions: Sessions = createSessions(connection, options)
  /** As what each was read, by the object that express-session has made of it. */
  const bases = new WeakMap<object, Session>()
  const Store = session.Store as unknown as ExpressStoreClass
  if (typeof Store !== 'function') throw new TypeError(`expected what 'express-session' exports, found ${messageOf(session)}`)
  const read = new WeakMap<object, Session>()

  class LarderStore extends Store {
    override createSession(request: object, data: object): object {
      const base = read.get(data)
      const made = super.createSession(request, data)
      if (base !== undefined) bases.set(made, base)
      return made
    }
    get(id: string, callback: Callback<SessionData | null>): void {
      const work = async (): Promise<SessionData | null> => {
        const found = await sessions.get(id)
        if (found === null) return null
        const { data } = found
        read.set(data, found)
        return data
      }
      tell(work(), callback)
    }
    set(id: string, data: object, callback?: Callback<void>): void {
      const ttl = cookieLife((data as { readonly cookie?: CookieData }).cookie)
      const work = async (): Promise<void> => {
        const stored = await sessions.set(id, data, bases.get(data) ?? null, {
          ...(ttl === undefined ? {} : { ttl }),
          ignored,
        })
        if (stored.kind === 'stored') bases.set(data, stored.base)
      }
      tell(work(), callback)
    }
    touch(id: string, data: object, callback?: Callback<void>): void {
      const ttl = cookieLife((data as { readonly cookie?: CookieData }).cookie)
      tell(
        sessions.touch(id, ttl).then(() => undefined),
        callback,
      )
    }
    destroy(id: string, callback?: Callback<void>): void {
      tell(sessions.destroy(id), callback)
    }
    all(callback: Callback<readonly SessionData[]>): void {
      const work = async (): Promise<readonly SessionData[]> => {
        const found: SessionData[] = []
        for await (const { id, data } of sessions.all()) found.push({ ...data, id })
        return found
      }
      tell(work(), callback)
    }
    length(callback: Callback<number>): void {
      tell(sessions.length(), callback)
    }
    clear(callback?: Callback<void>): void {
      tell(sessions.clear(), callback)
    }
  }
  return new LarderStore() as unknown as T & ExpressSessionStore
}
