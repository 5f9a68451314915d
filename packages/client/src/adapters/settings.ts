/** Options with their defaults, checked, the same for one server and for a cluster. */
import { aFlag, aFunction, aGroup, anything, aText, checkNames, checkOptions, type Kind, shown, type Table } from '../check.ts'
import type { ConnectionOptions, Credentials } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { targetOf } from './url.ts'
import type { WireFactory, WireOptions } from './wire.ts'

const aPart: Kind = {
  is: 'a text or bytes',
  holds: (value) => typeof value === 'string' || Buffer.isBuffer(value),
  isSecret: true,
}
export const connectionOptions: Table = {
  // Told by url.ts, without what it may hold.
  url: anything,
  credentials: aFunction,
  tls: aGroup('tls', { ca: aPart, cert: aPart, key: aPart }),
  readFrom: anything,
  zone: aText,
  commandTimeout: anything,
  connectTimeout: anything,
}

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
      `expected ${name} to be milliseconds, more than 0 and at most ${longestTime}, found ${shown(time)}`,
    )
}

const checkCredentials = (given: unknown): Credentials => {
  const { username, password, renewAfter } = (given ?? {}) as { readonly [name in keyof Credentials]?: unknown }
  if (typeof password !== 'string' || password === '')
    throw new CacheError(
      'usage',
      `expected credentials to have a password, found ${password === '' ? 'an empty one' : typeof password === 'string' ? 'one' : shown(password)}`,
    )
  if (username !== undefined && (typeof username !== 'string' || username === ''))
    throw new CacheError('usage', `expected the username of credentials to be a text, found ${shown(username)}`)
  if (renewAfter !== undefined && !(typeof renewAfter === 'number' && renewAfter > 0))
    throw new CacheError(
      'usage',
      `expected renewAfter of credentials to be milliseconds, more than 0, found ${shown(renewAfter)}`,
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
  const { url, ...others } = (typeof readFrom === 'object' && readFrom !== null ? readFrom : {}) as { readonly url?: unknown }
  checkNames('readFrom', others, {})
  const urls = [url].flat()
  if (urls.length === 0 || urls.includes(undefined))
    throw new CacheError('usage', "expected readFrom to be 'primary', 'replicas' or { url }, found another thing")
  return urls
}

/** Throws `usage`. */
export const settingsOf = (factory: WireFactory, options: ConnectionOptions): Settings => {
  checkOptions('a connection', options, { ...connectionOptions, track: aFlag })
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
