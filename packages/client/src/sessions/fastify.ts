/** A store for @fastify/session. */
import type { Connection } from '../connection.ts'
import { cookieLife } from './express.ts'
import type { SessionData } from './merge.ts'
import { createSessions, type Session, type SessionsOptions } from './sessions.ts'

export interface FastifySessionStore {
  get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void
  set(id: string, session: object, callback: (error?: unknown) => void): void
  destroy(id: string, callback: (error?: unknown) => void): void
}

const ignored = ['cookie']
/** @fastify/session copies the fields of what it is given into an object of its own: this one says as what it was read, and is not stored. */
const base = 'larder:read'
interface Base {
  readonly session: Session
  toJSON(): undefined
}
const baseOf = (session: Session): Base => ({ session, toJSON: () => undefined })

/** `register(fastifySession, { store: createFastifyStore(connection), … })`. With `rolling: false`, or every request writes the session whole. */
export const createFastifyStore = (connection: Connection, options: SessionsOptions = {}): FastifySessionStore => {
  const sessions = createSessions(connection, options)
  return {
    get: (id, callback) => {
      sessions.get(id).then(
        (found) => callback(null, found === null ? null : { ...found.data, [base]: baseOf(found) }),
        (error: unknown) => callback(error),
      )
    },
    set: (id, session, callback) => {
      const known = session as { [base]?: Base; readonly cookie?: Parameters<typeof cookieLife>[0] }
      const ttl = cookieLife(known.cookie)
      sessions.set(id, session, known[base]?.session ?? null, { ...(ttl === undefined ? {} : { ttl }), ignored }).then(
        (stored) => {
          if (stored.kind === 'stored') known[base] = baseOf(stored.base)
          callback()
        },
        (error: unknown) => callback(error),
      )
    },
    destroy: (id, callback) => {
      sessions.destroy(id).then(
        () => callback(),
        (error: unknown) => callback(error),
      )
    },
  }
}
