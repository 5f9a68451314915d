/** Where a group is: asked of the ElastiCache API, of AWS or of Larder, with the settings that AWS's own tools take. */
import { createHash, createHmac } from 'node:crypto'
import { aFunction, anything, aText, aTime, checkOptions, oneOf, type Table } from '../check.ts'
import type { ConnectionOptions } from '../connection/connection.ts'
import { CacheError, messageOf } from '../errors.ts'
import { type AwsKeys, signingKey } from './iam.ts'

export interface FindOptions {
  readonly replicationGroupId: string
  /** Default: `AWS_REGION`, or `AWS_DEFAULT_REGION`. */
  readonly region?: string
  /** Of the API. Default: `AWS_ENDPOINT_URL_ELASTICACHE`, `AWS_ENDPOINT_URL`, or that of AWS in the region. */
  readonly endpoint?: string
  /** The providers of AWS's SDK fit. Default: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. */
  readonly keys?: () => Promise<AwsKeys>
  /** `replicas`: entries are read there, by the reader endpoint or in cluster mode. Default: `primary`. */
  readonly readFrom?: 'primary' | 'replicas'
  /** Milliseconds. Default: 5,000. */
  readonly timeout?: number
  /** Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** For `createCache`, or for a connection. */
export type Found = Pick<ConnectionOptions, 'url' | 'readFrom'>

const findOptions: Table = {
  replicationGroupId: aText,
  region: aText,
  endpoint: aText,
  keys: aFunction,
  readFrom: oneOf('primary', 'replicas'),
  timeout: aTime,
  env: anything,
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

const expectSetting = (what: string, value: string | undefined): string => {
  if (typeof value === 'string' && value !== '') return value
  throw new CacheError('usage', `expected ${what}, found none`)
}

const keysFrom = (env: NonNullable<FindOptions['env']>): AwsKeys => {
  const sessionToken = env['AWS_SESSION_TOKEN']
  return {
    accessKeyId: expectSetting('keys, or AWS_ACCESS_KEY_ID', env['AWS_ACCESS_KEY_ID']),
    secretAccessKey: expectSetting('keys, or AWS_SECRET_ACCESS_KEY', env['AWS_SECRET_ACCESS_KEY']),
    ...(sessionToken === undefined || sessionToken === '' ? {} : { sessionToken }),
  }
}

/** Signature Version 4, of a form. */
const headersFor = (url: URL, body: string, keys: AwsKeys, region: string, moment: number): Record<string, string> => {
  const time = new Date(moment).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/${region}/elasticache/aws4_request`
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    host: url.host,
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  }
  const names = Object.keys(headers).sort()
  const request = [
    'POST',
    url.pathname,
    '',
    ...names.map((name) => `${name}:${headers[name] ?? ''}`),
    '',
    names.join(';'),
    hashOf(body),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope, hashOf(request)].join('\n')
  const signature = createHmac('sha256', signingKey(keys, time.slice(0, 8), region))
    .update(text)
    .digest('hex')
  const credential = `Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  const { host: _, ...sent } = headers
  return { ...sent, authorization: `AWS4-HMAC-SHA256 ${credential}` }
}

/** The text of the first element of that name. Names, addresses, numbers and words are all that is looked for: none has anything to decode. */
const within = (xml: string, name: string): string | undefined => new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(xml)?.[1]

const endpointIn = (xml: string, name: string, protocol: string): string | undefined => {
  const endpoint = within(xml, name)
  const [address, port] = [within(endpoint ?? '', 'Address'), within(endpoint ?? '', 'Port')]
  return address === undefined || port === undefined ? undefined : `${protocol}://${address}:${port}`
}

/**
 * The endpoints of a replication group: `createCache({ ...(await findReplicationGroup({ replicationGroupId })) })`. Rejects with `usage` where a setting is missing, with
 * `refused` where the API answers with an error, with `unavailable` where it does not answer, or the group has no endpoints yet.
 */
export const findReplicationGroup = async (options: FindOptions): Promise<Found> => {
  checkOptions('findReplicationGroup', options, findOptions, ['replicationGroupId'])
  const { env = process.env, readFrom = 'primary', timeout = 5_000 } = options
  const id = expectSetting('replicationGroupId', options.replicationGroupId)
  const region = expectSetting('region, or AWS_REGION', options.region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'])
  const endpoint =
    options.endpoint ??
    env['AWS_ENDPOINT_URL_ELASTICACHE'] ??
    env['AWS_ENDPOINT_URL'] ??
    `https://elasticache.${region}.amazonaws.com`
  if (!URL.canParse(endpoint)) throw new CacheError('usage', `expected a URL as endpoint, found ${JSON.stringify(endpoint)}`)
  const url = new URL(endpoint)
  const keys = options.keys === undefined ? keysFrom(env) : await options.keys()
  const form = { Action: 'DescribeReplicationGroups', ReplicationGroupId: id, Version: '2015-02-02' }
  const body = new URLSearchParams(form).toString()
  const headers = headersFor(url, body, keys, region, Date.now())
  const ask = async (): Promise<{ readonly ok: boolean; readonly status: number; readonly xml: string }> => {
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeout) })
    return { ok: response.ok, status: response.status, xml: await response.text() }
  }
  const { ok, status, xml } = await ask().catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new CacheError('unavailable', `the ElastiCache API at ${url.origin} does not answer: ${messageOf(cause)}`, {
      cause: error,
    })
  })
  if (!ok) {
    const said = [within(xml, 'Code') ?? `status ${status}`, within(xml, 'Message')].filter((one) => one !== undefined)
    throw new CacheError('refused', `the ElastiCache API answers with an error: ${said.join(': ')}`)
  }
  const protocol = within(xml, 'TransitEncryptionEnabled') === 'true' ? 'rediss' : 'redis'
  const configuration = endpointIn(xml, 'ConfigurationEndpoint', protocol)
  if (configuration !== undefined) return { url: configuration, ...(readFrom === 'replicas' ? { readFrom } : {}) }
  const primary = endpointIn(xml, 'PrimaryEndpoint', protocol)
  if (primary === undefined)
    throw new CacheError(
      'unavailable',
      `expected ${id} to have endpoints, found none: it is ${within(xml, 'Status') ?? 'unknown'}`,
    )
  const reader = endpointIn(xml, 'ReaderEndpoint', protocol)
  return { url: primary, ...(readFrom === 'replicas' && reader !== undefined ? { readFrom: { url: reader } } : {}) }
}
