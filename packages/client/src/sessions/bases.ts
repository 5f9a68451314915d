/**
 * What the objects that a framework hands around were read as. They carry it themselves, where nobody sees it who copies, compares or stores them (a WeakMap
 * costs the collector more than the rest of a request).
 */
import { types } from 'node:util'
import { shown, usage } from '../check.ts'
import { after } from './in-turn.ts'
import type { SessionData } from './merge.ts'
import type { Session, Stored, TextSessions } from './sessions.ts'

export type Callback<T> = (error?: unknown, value?: T) => void

/** Of the cookie: they change with each request. Numbers where it had dates. */
interface Times {
  readonly expires: unknown
  readonly originalExpires: unknown
  readonly originalMaxAge: unknown
}

interface Base {
  readonly id: string
  session: Session | null
  times: Times
  /** While it is being stored. */
  saving: Promise<unknown> | null
}

const mark = Symbol('larder: read as')
interface Marked {
  [mark]?: Base
}

/** Milliseconds: express-session makes its `originalMaxAge` of what is left a moment later, so that it is one less now and then. */
const drift = 20

/** What changes with each request, and so makes no conflict. */
const ignored = ['cookie']

const timeOf = (value: unknown): unknown => (types.isDate(value) ? value.getTime() : value)
const timesOf = (data: object): Times => {
  const { cookie } = data as { readonly cookie?: Times | null }
  return {
    expires: timeOf(cookie?.expires),
    originalExpires: timeOf(cookie?.originalExpires),
    originalMaxAge: cookie?.originalMaxAge,
  }
}
/** As JSON has it. */
const textOf = (time: unknown): unknown => (typeof time === 'number' ? new Date(time).toJSON() : time)

const remember = (data: object, id: string, session: Session | null, times: Times): Base => {
  const base: Base = { id, session, times, saving: null }
  Reflect.defineProperty(data, mark, { value: base, configurable: true, writable: true })
  return base
}

const baseOf = (data: object, id: string): Base | null => {
  const base = (data as Marked)[mark]
  return base?.id === id ? base : null
}

/** Its data, which knows as what it was read. */
export const dataOf = (id: string, session: Session): SessionData => {
  const { data } = session
  remember(data, id, session, timesOf(data))
  // A touch moves the end on the server alone. By the old one, which may be over, a framework would give the session up, or store it for no time.
  const { cookie } = data as { readonly cookie?: { expires?: unknown } | null }
  if (typeof cookie?.expires === 'string') cookie.expires = new Date(Date.now() + session.left)
  return data
}

/** `made` was made of `data`; told again it stays what it has become since. */
export const inherit = (made: object, data: object): void => {
  const base = (data as Marked)[mark]
  if (base !== undefined && !Object.hasOwn(made, mark)) remember(made, base.id, base.session, base.times)
}

/** Whether nothing but the times of its cookie is other than when it was read. */
const isAsRead = (base: Base, text: string, times: Times): boolean => {
  let old = text
  const [age, ageBefore] = [times.originalMaxAge, base.times.originalMaxAge]
  if (age !== ageBefore) {
    if (typeof age !== 'number' || typeof ageBefore !== 'number' || Math.abs(age - ageBefore) > drift) return false
    old = old.replace(`"originalMaxAge":${age}`, () => `"originalMaxAge":${ageBefore}`)
  }
  if (old.length !== base.session?.text.length) return false
  for (const name of ['expires', 'originalExpires'] as const) {
    const [now, before] = [textOf(times[name]), textOf(base.times[name])]
    if (now === before) continue
    if (typeof now !== 'string' || typeof before !== 'string') return false
    old = old.replace(`"${name}":"${now}"`, () => `"${name}":"${before}"`)
  }
  return old === base.session.text
}

/**
 * Stores what it is now; where it is as it was read it is touched. What one object is given to store is stored in that order: otherwise the second would be taken
 * for another request's change.
 */
export const store = async (sessions: TextSessions, id: string, data: object, ttl: number | undefined): Promise<void> => {
  if (typeof data !== 'object' || data === null) throw usage('a session to be an object', shown(data))
  const text: string | undefined = JSON.stringify(data)
  const times = timesOf(data)
  const base = baseOf(data, id) ?? remember(data, id, null, times)
  const set = (): Promise<Stored | boolean> => {
    if (text !== undefined && isAsRead(base, text, times)) return sessions.touch(id, ttl)
    return sessions.setText(id, text, base.session, ttl === undefined ? { ignored } : { ttl, ignored })
  }
  const work = base.saving === null ? set() : after(base.saving, set)
  base.saving = work
  try {
    const stored = await work
    // Before whoever waits for it goes on, since it waits for longer.
    if (typeof stored === 'object' && stored.kind === 'stored') Object.assign(base, { session: stored.base, times })
  } finally {
    if (base.saving === work) base.saving = null
  }
}

const call = <T>(callback: Callback<T> | undefined, error: unknown, value?: T): void => {
  try {
    callback?.(error, value)
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown
    })
  }
}

/** As a callback API does: what the callback throws is not a rejection that nobody has seen to. */
export const answer = <T, U>(work: Promise<T>, callback: Callback<U> | undefined, make: (value: T) => U): void => {
  work.then(
    (value) => call(callback, null, make(value)),
    (error: unknown) => call(callback, error),
  )
}
