/** Sessions as a middleware of Hono. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { aFlag, aList, aText, checkOptions, oneOf, type Table } from '../check.ts'
import type { Connection } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { createSessions, isFresh, type Session, type SessionsOptions, sessionOptions } from './sessions.ts'

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

/** There may be several, for other paths and domains. */
const cookiesOf = (header: string | undefined, name: string): readonly string[] =>
  (header ?? '').split(';').flatMap((part) => {
    const at = part.indexOf('=')
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : []
  })

const cookieOptions: Table = {
  secrets: { ...aList, isSecret: true },
  cookie: aText,
  secure: aFlag,
  sameSite: oneOf('Strict', 'Lax', 'None'),
  path: aText,
}

/** `app.use(honoSessions(connection, { secrets }))`; handlers then have `c.get('session')`. */
export const honoSessions = (connection: Connection, options: HonoSessionOptions) => {
  checkOptions('honoSessions', options, { ...sessionOptions, ...cookieOptions }, ['secrets'])
  const { secrets, cookie = 'sid', secure = true, sameSite = 'Lax', path = '/', ...own } = options
  const { ttl = day, touchAfter } = own
  const [first] = Array.isArray(secrets) ? secrets : []
  if (first === undefined || secrets.some((secret) => typeof secret !== 'string' || secret.length < shortest))
    throw new CacheError(
      'usage',
      `expected a list of secrets of at least ${shortest} characters, found one that is shorter, or none`,
    )
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(cookie))
    throw new CacheError('usage', `expected the name of a cookie, found ${JSON.stringify(cookie)}`)
  if (!/^\/[^;\p{Cc}]*$/u.test(path))
    throw new CacheError('usage', `expected the path of a cookie, found ${JSON.stringify(path)}`)
  if (!secure && (sameSite === 'None' || cookie.startsWith('__')))
    throw new CacheError(
      'usage',
      `expected secure: true for the cookie ${cookie} with SameSite=${sameSite}, which no browser takes otherwise`,
    )
  const sessions = createSessions(connection, own)

  /** Of the first cookie that one of the secrets has signed. */
  const idIn = (header: string | undefined): { readonly id: string; readonly isByFirst: boolean } | null => {
    for (const value of cookiesOf(header, cookie)) {
      const at = value.lastIndexOf('.')
      const [id, signed] = [value.slice(0, Math.max(0, at)), value.slice(at + 1)]
      const by = id === '' ? undefined : secrets.find((secret) => equal(signature(id, secret), signed))
      if (by !== undefined) return { id, isByFirst: by === first }
    }
    return null
  }
  const attributes = `Path=${path}; HttpOnly; SameSite=${sameSite}${secure ? '; Secure' : ''}`

  const give = (context: Context, id: string): void => {
    const line = `${cookie}=${id}.${signature(id, first)}; ${attributes}; Max-Age=${Math.ceil(ttl / 1_000)}`
    context.header('Set-Cookie', line, { append: true })
  }

  return async (context: Context, next: () => Promise<void>): Promise<void> => {
    const known = idIn(context.req.header('cookie'))
    const found: Session | null = known === null ? null : await sessions.get(known.id)
    /** The cookie lives as long as the session, and is signed by the first secret. */
    const isDue = found === null || known?.isByFirst !== true || !isFresh(found.left, ttl, touchAfter)
    const before = found?.text ?? '{}'
    let id = found === null || known === null ? null : known.id
    let base = found
    let isDestroyed = false
    const obsolete: string[] = []
    const session: HonoSession = {
      get id() {
        return id
      },
      data: found === null ? {} : { ...found.data },
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
      if ((await sessions.touch(id ?? '', ttl)) && isDue) give(context, id ?? '')
      return
    }
    id ??= randomBytes(idBytes).toString('base64url')
    const stored = await sessions.set(id, session.data, base, { ttl })
    if (stored.kind === 'stored' && (isNew || isDue)) give(context, id)
  }
}
