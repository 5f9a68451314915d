/** Logins by IAM: tokens as AWS's signers make them (Signature Version 4, a presigned GET of `elasticache:Connect` for 15 minutes), for ElastiCache and for Larder. */
import { createHash, createHmac } from 'node:crypto'
import { aFlag, aFunction, checkOptions, type Kind, type Table } from '../check.ts'
import type { ConnectionOptions } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'

export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface IamOptions {
  /** Of the replication group or the serverless cache; in small letters. */
  readonly cacheName: string
  /** Of the user whose authentication mode is `iam`: id and name are the same. */
  readonly user: string
  readonly region: string
  /** Asked for each token. The providers of AWS's SDK fit. */
  readonly keys: () => Promise<AwsKeys>
  readonly serverless?: boolean
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number
}

const someText: Kind = { is: 'a text that is not empty', holds: (value) => typeof value === 'string' && value !== '' }
const iamOptions: Table = {
  cacheName: someText,
  user: someText,
  region: someText,
  keys: aFunction,
  serverless: aFlag,
  now: aFunction,
}

const lifeSeconds = 900
/** A connection is cut after twelve hours unless it logs in again. */
const renewAfter = 11 * 3_600_000
const emptyHash = createHash('sha256').update('').digest('hex')

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Of one day, `YYYYMMDD`. */
export const signingKey = ({ secretAccessKey }: AwsKeys, day: string, region: string): Buffer =>
  [region, 'elasticache', 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, day))

/** The token of one moment (milliseconds since 1970), which is the password. */
export const iamToken = (
  { cacheName, user, region, serverless = false }: Omit<IamOptions, 'keys' | 'now'>,
  keys: AwsKeys,
  moment: number,
): string => {
  const time = new Date(moment).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/${region}/elasticache/aws4_request`
  const query: Readonly<Record<string, string>> = {
    Action: 'connect',
    User: user,
    ...(serverless ? { ResourceType: 'ServerlessCache' } : {}),
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${keys.accessKeyId}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(lifeSeconds),
    ...(keys.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': keys.sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  }
  const canonical = Object.keys(query)
    .sort()
    .map((name) => `${encode(name)}=${encode(query[name] ?? '')}`)
    .join('&')
  const request = ['GET', '/', canonical, `host:${cacheName}`, '', 'host', emptyHash].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(request).digest('hex')].join('\n')
  const signature = hmac(signingKey(keys, time.slice(0, 8), region), text).toString('hex')
  return `${cacheName}/?${canonical}&X-Amz-Signature=${signature}`
}

/** For `credentials` of a connection, with `rediss://`: a new token for each connection, and for the open ones before they are cut. */
export const iamCredentials = (options: IamOptions): NonNullable<ConnectionOptions['credentials']> => {
  checkOptions('iamCredentials', options, iamOptions, ['cacheName', 'user', 'region', 'keys'])
  const { cacheName, user, keys, now = Date.now } = options
  if (cacheName !== cacheName.toLowerCase())
    throw new CacheError('usage', `expected cacheName in small letters, as AWS keeps it, found ${JSON.stringify(cacheName)}`)
  return async () => {
    const given = await keys()
    for (const name of ['accessKeyId', 'secretAccessKey'] as const)
      if (typeof given?.[name] !== 'string' || given[name] === '')
        throw new CacheError('usage', `expected the keys for a token to have ${name}, found none`)
    return { username: user, password: iamToken(options, given, now()), renewAfter }
  }
}
