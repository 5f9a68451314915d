/** Options with their defaults, checked, the same for one server and for a cluster. */
import type { ConnectionOptions, Credentials } from '../connection.ts'
import { CacheError } from '../errors.ts'
import { targetOf } from './url.ts'
import type { WireFactory, WireOptions } from './wire.ts'

export interface Settings {
  readonly url: string
  readonly commandTimeout: number
  readonly connectTimeout: number
  readonly readFrom: NonNullable<ConnectionOptions['readFrom']>
  readonly zone: string | undefined
  /** Asked for, and the client can. */
  readonly isTracking: boolean
  /** What each connection is opened with. */
  readonly wire: Omit<WireOptions, 'url' | 'track' | 'isReplica'>
}

const longestTime = 2 ** 31 - 1
/** Whoever gives credentials may have to ask somebody else. */
const credentialsTimeout = 10_000

const checkTime = (name: string, time: unknown): void => {
  if (!(typeof time === 'number' && time > 0 && time <= longestTime))
    throw new CacheError(
      'usage',
      `expected ${name} to be milliseconds, more than 0 and at most ${longestTime}, found ${String(time)}`,
    )
}

const checkCredentials = (given: unknown): Credentials => {
  const { username, password, renewAfter } = (given ?? {}) as { readonly [name in keyof Credentials]?: unknown }
  if (typeof password !== 'string' || password === '')
    throw new CacheError(
      'usage',
      `expected credentials to have a password, found ${password === '' ? 'an empty one' : typeof password}`,
    )
  if (username !== undefined && (typeof username !== 'string' || username === ''))
    throw new CacheError('usage', `expected the username of credentials to be a text, found ${JSON.stringify(username)}`)
  if (renewAfter !== undefined && !(typeof renewAfter === 'number' && renewAfter > 0))
    throw new CacheError(
      'usage',
      `expected renewAfter of credentials to be milliseconds, more than 0, found ${String(renewAfter)}`,
    )
  return given as Credentials
}

/** One that gives nothing is not waited for: the next try asks again. */
const checked =
  (give: NonNullable<ConnectionOptions['credentials']>): NonNullable<ConnectionOptions['credentials']> =>
  () =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new CacheError('unavailable', `expected credentials within ${credentialsTimeout} ms, found none`)),
        credentialsTimeout,
      )
      timer.unref()
      new Promise<unknown>((given) => given(give()))
        .then(checkCredentials)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })

const urlsOf = (readFrom: unknown): readonly unknown[] => {
  if (readFrom === 'primary' || readFrom === 'replicas') return []
  const { url } = (typeof readFrom === 'object' && readFrom !== null ? readFrom : {}) as { readonly url?: unknown }
  const urls = [url].flat()
  if (urls.length === 0 || urls.includes(undefined))
    throw new CacheError('usage', "expected readFrom to be 'primary', 'replicas' or { url }, found another thing")
  return urls
}

/** Throws `usage`. */
export const settingsOf = (factory: WireFactory, options: ConnectionOptions): Settings => {
  const {
    url,
    commandTimeout = 500,
    connectTimeout = 2_000,
    track = false,
    readFrom = 'primary',
    zone,
    credentials,
    tls,
  } = options
  for (const [name, time] of Object.entries({ commandTimeout, connectTimeout })) checkTime(name, time)
  if (credentials !== undefined && typeof credentials !== 'function')
    throw new CacheError('usage', `expected credentials to be a function, found ${typeof credentials}`)
  const targets = [url, ...urlsOf(readFrom)].map((one) => targetOf(one))
  for (const { isSecure } of targets)
    if (tls !== undefined && !isSecure)
      throw new CacheError('usage', 'expected a url as rediss://HOST:PORT, since tls is given, found redis://')
  return {
    url,
    commandTimeout,
    connectTimeout,
    readFrom,
    zone,
    isTracking: track && factory.tracks !== false,
    wire: {
      connectTimeout,
      commandTimeout,
      ...(tls === undefined ? {} : { tls }),
      ...(credentials === undefined ? {} : { credentials: checked(credentials) }),
    },
  }
}
