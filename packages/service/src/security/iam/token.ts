/**
 * The token by which a user of IAM logs in to an engine, used as the password: a request that was signed for 15 minutes at the most and never
 * sent, without its scheme: `<cache name>/?Action=connect&User=<user id>&X-Amz-Algorithm=…`. Source: "Authenticating with IAM", ElastiCache user guide.
 */
import { Fault } from '../../errors.ts'
import { type Caller, checkService, type Verifier, verifySignature } from '../sigv4.ts'

export interface ExpectedToken {
  /** Id of the replication group. */
  readonly cacheName: string
  /** As who the client logs in. */
  readonly user: string
  readonly region: string
}

const longestSeconds = 900

const parameterNames: ReadonlySet<string> = new Set([
  'Action',
  'User',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  // Larder has no sessions and no serverless caches: their tokens are told why.
  'X-Amz-Security-Token',
  'ResourceType',
])

const malformed = (message: string, cause?: unknown): Fault => new Fault('IncompleteSignature', message, { cause })

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw malformed('The token has a percent sign that encodes nothing.', error)
  }
}

interface Token {
  readonly cacheName: string
  readonly query: ReadonlyMap<string, string>
}

const readToken = (text: string): Token => {
  const [, cacheName, queryText] = /^([A-Za-z0-9-]{1,255})\/\?([\x21-\x7e]+)$/.exec(text) ?? []
  if (cacheName === undefined || queryText === undefined)
    throw malformed('Expected a token of the form <cache name>/?Action=connect&User=<user id>&X-Amz-...')
  const query = new Map<string, string>()
  for (const part of queryText.split('&')) {
    const at = part.indexOf('=')
    const name = decode(part.slice(0, at < 0 ? undefined : at))
    if (at < 0 || !parameterNames.has(name)) throw malformed(`Expected no parameter '${name.slice(0, 60)}' in a token.`)
    if (query.has(name)) throw malformed(`The token has the parameter '${name}' twice.`)
    query.set(name, decode(part.slice(at + 1)))
  }
  return { cacheName, query }
}

const refused = (message: string): Fault => new Fault('AccessDenied', message)

/** What the token says in clear, before its signature is looked at. */
const checkWhat = ({ cacheName, query }: Token, expected: ExpectedToken): void => {
  const shown = (text: string | undefined): string => (text === undefined ? 'nothing' : `'${text.slice(0, 60)}'`)
  if (query.get('Action') !== 'connect') throw refused(`Expected the Action 'connect', found ${shown(query.get('Action'))}.`)
  if (cacheName !== expected.cacheName)
    throw refused(`The token is for the cache ${shown(cacheName)}, not for '${expected.cacheName}'.`)
  if (query.get('User') !== expected.user)
    throw refused(`The token is for the user ${shown(query.get('User'))}, not for '${expected.user.slice(0, 60)}'.`)
  if (query.has('ResourceType'))
    throw refused(`The token is for a ${shown(query.get('ResourceType'))}, not for a replication group.`)
  if (query.get('X-Amz-SignedHeaders') !== 'host')
    throw refused(`Expected the signed headers 'host', found ${shown(query.get('X-Amz-SignedHeaders'))}.`)
  const seconds = query.get('X-Amz-Expires') ?? ''
  if (!/^\d{1,6}$/.test(seconds) || Number(seconds) > longestSeconds)
    throw refused(`Expected X-Amz-Expires of at most ${longestSeconds} seconds, found ${shown(seconds)}.`)
}

/**
 * Who signed the token; whether he may connect is for others to say. Throws a `Fault` that says what is wrong. Clocks may differ as much as in calls of
 * the API: a token may be from five minutes ahead, and not one second over its time.
 */
export const verifyToken = async (text: string, expected: ExpectedToken, verifier: Verifier): Promise<Caller> => {
  const token = readToken(text)
  checkWhat(token, expected)
  const caller = await verifySignature(
    { method: 'GET', path: '/', query: token.query, headers: { host: token.cacheName }, body: new Uint8Array() },
    verifier,
  )
  checkService(caller, 'elasticache')
  if (caller.region !== expected.region)
    throw refused(`The token is for the region '${caller.region}', not for '${expected.region}'.`)
  return caller
}
