/** Sessions as a middleware of Hono. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Connection } from '../connection.ts'
import { CacheError } from '../errors.ts'
import { createSessions, type Session, type SessionsOptions } from './sessions.ts'

export interface HonoSession {
  /** Null: it has not been stored yet. */
  readonly id: string | null
  /** To be changed as it likes: it is stored after the handler. */
  data: Record<string, unknown>
  /** Another id for the same data: to be called when somebody logs in. */
  regenerate(): void
  /** To be called when somebody logs out. */
  destroy(): void
}

export interface HonoSessionOptions extends SessionsOptions {
  /** Signs the id in the cookie: the first one signs, all of them are taken. Each of at least 32 characters. */
  readonly secrets: readonly string[]
  /** Default: `sid`. */
  readonly cookie?: string
  /** Default: true. */
  readonly secure?: boolean
  /** Default: `Lax`. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None'
  /** Default: `/`. */
  readonly path?: string
}

/** What is used of a Hono context. */
interface Context {
  readonly req: { header(name: string): string | undefined }
  header(name: string, value: string, options?: { readonly append?: boolean }): void
  set(name: 'session', value: HonoSession): void
}

const idBytes = 24
const shortest = 32
const day = 86_400_000

const signature = (id: string, secret: string): string => createHmac('sha256', secret).update(id).digest('base64url')

const equal = (a: string, b: string): boolean => {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}

const cookieOf = (header: string | undefined, name: string): string | null => {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return null
}

/** `app.use(honoSessions(connection, { secrets }))`; handlers then have `c.get('session')`. */
export const honoSessions = (connection: Connection, options: HonoSessionOptions) => {
  const { secrets, cookie = 'sid', secure = true, sameSite = 'Lax', path = '/', ttl = day } = options
  const [first] = secrets
  if (first === undefined || secrets.some((secret) => secret.length < shortest))
    throw new CacheError(
      'usage',
      `expected secrets of at least ${shortest} characters, found ${secrets.length} of which one is shorter or none`,
    )
  const sessions = createSessions(connection, options)

  const idIn = (header: string | undefined): string | null => {
    const value = cookieOf(header, cookie)
    const at = value?.lastIndexOf('.') ?? -1
    if (value === null || at < 1) return null
    const [id, signed] = [value.slice(0, at), value.slice(at + 1)]
    return secrets.some((secret) => equal(signature(id, secret), signed)) ? id : null
  }
  const attributes = `Path=${path}; HttpOnly; SameSite=${sameSite}${secure ? '; Secure' : ''}`

  return async (context: Context, next: () => Promise<void>): Promise<void> => {
    const known = idIn(context.req.header('cookie'))
    const found: Session | null = known === null ? null : await sessions.get(known)
    const before = found?.text ?? '{}'
    let id = found === null ? null : known
    let base = found
    let isDestroyed = false
    const obsolete: string[] = []
    const session: HonoSession = {
      get id() {
        return id
      },
      data: JSON.parse(before) as Record<string, unknown>,
      regenerate: () => {
        if (id !== null) obsolete.push(id)
        ;[id, base] = [null, null]
      },
      destroy: () => {
        if (id !== null) obsolete.push(id)
        ;[id, base, isDestroyed] = [null, null, true]
      },
    }
    context.set('session', session)
    await next()
    for (const one of obsolete) await sessions.destroy(one)
    if (isDestroyed) {
      context.header('Set-Cookie', `${cookie}=; ${attributes}; Max-Age=0`, { append: true })
      return
    }
    const after = JSON.stringify(session.data)
    const isNew = id === null
    if (isNew && after === '{}') return
    if (!isNew && after === before) {
      await sessions.touch(id ?? '', ttl)
      return
    }
    id ??= randomBytes(idBytes).toString('base64url')
    const stored = await sessions.set(id, session.data, base, { ttl })
    if (stored.kind === 'stored' && isNew) {
      const seconds = Math.floor(ttl / 1_000)
      context.header('Set-Cookie', `${cookie}=${id}.${signature(id, first)}; ${attributes}; Max-Age=${seconds}`, { append: true })
    }
  }
}
