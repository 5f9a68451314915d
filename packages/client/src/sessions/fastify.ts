/** A store for @fastify/session. */
import type { Connection } from '../connection/connection.ts'
import { answer, dataOf, inherit, store } from './bases.ts'
import { ttlOf } from './express.ts'
import { createTextSessions, type SessionsOptions } from './sessions.ts'

const nothing = (): void => undefined

export interface FastifySessionStore {
  /** `S`: what the application has declared its sessions to be, as whoever stores them sees to. */
  get<S>(id: string, callback: (error: unknown, session?: S | null) => void): void
  set(id: string, session: object, callback: (error?: unknown) => void): void
  destroy(id: string, callback: (error?: unknown) => void): void
}

/** @fastify/session copies the fields of what it is given into an object of its own: this one says as what it was read, and is not stored. */
const field = 'larder:read'
class Read {
  readonly #data: object
  constructor(data: object) {
    this.#data = data
  }
  toJSON(): undefined {
    return undefined
  }
  static of(session: object | null | undefined): object | null {
    const read = (session as { readonly [field]?: unknown } | null | undefined)?.[field]
    return typeof read === 'object' && read !== null && #data in read ? read.#data : null
  }
}

/** `register(fastifySession, { store: createFastifyStore(connection), … })`. With `rolling: true`, its default, sessions live on while they are read. */
export const createFastifyStore = (connection: Connection, options: SessionsOptions = {}): FastifySessionStore => {
  const sessions = createTextSessions(connection, options)
  return {
    get: <S>(id: string, callback: (error: unknown, session?: S | null) => void) => {
      answer(sessions.get(id), callback, (found) => {
        if (found === null) return null
        const data = dataOf(id, found)
        return { ...data, [field]: new Read(data) } as S
      })
    },
    set: (id, session, callback) => {
      const read = Read.of(session)
      if (read !== null) inherit(session, read)
      answer(store(sessions, id, session, ttlOf(session)), callback, nothing)
    },
    destroy: (id, callback) => answer(sessions.destroy(id), callback, nothing),
  }
}
