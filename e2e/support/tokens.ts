/** Tokens for logins by IAM, made by AWS's own signer in the way that the ElastiCache user guide shows. */
import { ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { SignatureV4 } from '@smithy/signature-v4'

export interface TokenWish {
  readonly cache: string
  readonly user: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  readonly region?: string
  readonly service?: string
  /** Seconds. */
  readonly expiresIn?: number
  /** Milliseconds since 1970. */
  readonly at?: number
  readonly query?: Readonly<Record<string, string>>
}

export const makeToken = async (wish: TokenWish): Promise<string> => {
  const { cache, user, credentials, region = 'us-east-1', service = 'elasticache', expiresIn = 900, at = Date.now() } = wish
  const { config } = new ElastiCacheClient({ region, credentials })
  const signer = new SignatureV4({ service, region, credentials, sha256: config.sha256 })
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'http:',
      hostname: cache,
      path: '/',
      headers: { host: cache },
      query: { Action: 'connect', User: user, ...wish.query },
    },
    { expiresIn, signingDate: new Date(at) },
  )
  const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return `${cache}/?${query.join('&')}`
}
