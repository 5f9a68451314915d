/** What a URL says. */
import { shown } from '../check.ts'
import { CacheError } from '../errors.ts'

export interface Target {
  readonly host: string
  readonly port: number
  readonly database: number
  readonly isSecure: boolean
  readonly credentials: { readonly username?: string; readonly password?: string }
}

const standardPort = 6_379

/** It may have a password, which is nobody's who reads the message. */
const wrong = (why: string): CacheError =>
  new CacheError('usage', `expected a url as redis://HOST:PORT or rediss://HOST:PORT, found ${why}`)

const plain = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new CacheError(
      'usage',
      'expected the user and the password of a url to be percent-encoded, found a % without its digits',
      {
        cause: error,
      },
    )
  }
}

/** Throws `usage`. */
export const targetOf = (text: unknown): Target => {
  if (typeof text !== 'string') throw wrong(shown(text))
  if (!URL.canParse(text)) throw wrong('what is no url')
  const { hostname, port, protocol, pathname, username, password } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw wrong(protocol)
  if (hostname === '') throw wrong('no host')
  const path = pathname.replace(/^\//, '')
  if (!/^\d*$/.test(path)) throw wrong(`${JSON.stringify(path)} as the number of the database`)
  if (username !== '' && password === '') throw wrong('a user without a password')
  return {
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: Number(port === '' ? standardPort : port),
    database: Number(path),
    isSecure: protocol === 'rediss:',
    credentials: {
      ...(username === '' ? {} : { username: plain(username) }),
      ...(password === '' ? {} : { password: plain(password) }),
    },
  }
}
