/** What a request says of its own signature, before anything of it is believed. */
import { Fault } from '../errors.ts'
import type { SignedRequest } from './sigv4-request.ts'

export interface Claim {
  readonly accessKeyId: string
  /** `20261123`, from the scope. */
  readonly date: string
  readonly region: string
  readonly service: string
  /** `aws4_request`, if it is right. */
  readonly terminator: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `20261123T053600Z` */
  readonly time: string
  /** Seconds; null for the header form. */
  readonly expires: number | null
}

const algorithm = 'AWS4-HMAC-SHA256'
const longestPresigned = 7 * 24 * 3600

const incomplete = (message: string): Fault => new Fault('IncompleteSignature', message)

const parseCredential = (credential: string): Pick<Claim, 'accessKeyId' | 'date' | 'region' | 'service' | 'terminator'> => {
  const [accessKeyId = '', date = '', region = '', service = '', terminator, ...rest] = credential.split('/')
  if (terminator === undefined || rest.length > 0) {
    const example = 'keyid/date/region/service/term'
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. ${example}, got '${credential.slice(0, 200)}'`,
    )
  }
  return { accessKeyId, date, region, service, terminator }
}

const headerNames = (list: string): readonly string[] => list.toLowerCase().split(';')

const fromHeader = (request: SignedRequest, authorization: string): Claim => {
  const found = authorization.split(/\s/, 1)[0] ?? ''
  if (found !== algorithm) throw incomplete(`Unsupported AWS 'algorithm': '${found.slice(0, 60)}' (only ${algorithm} for now).`)
  const parts = new Map<string, string>()
  for (const part of authorization.slice(algorithm.length).split(',')) {
    const at = part.indexOf('=')
    const name = part.slice(0, at < 0 ? undefined : at).trim()
    if (at < 0)
      throw incomplete(`'${name.slice(0, 60)}' not a valid key=value pair (missing equal-sign) in Authorization header.`)
    if (parts.has(name)) throw incomplete(`Authorization header has the parameter '${name.slice(0, 60)}' twice.`)
    parts.set(name, part.slice(at + 1).trim())
  }
  const time = request.headers['x-amz-date'] ?? ''
  const missing = ['Credential', 'Signature', 'SignedHeaders']
    .filter((name) => !parts.get(name))
    .map((name) => `Authorization header requires '${name}' parameter.`)
  if (time === '') missing.push("Authorization header requires existence of a 'X-Amz-Date' header.")
  if (missing.length > 0) throw incomplete(`${missing.join(' ')} Authorization=${authorization.slice(0, 200)}`)
  return {
    ...parseCredential(parts.get('Credential') ?? ''),
    signedHeaders: headerNames(parts.get('SignedHeaders') ?? ''),
    signature: parts.get('Signature') ?? '',
    time,
    expires: null,
  }
}

const fromQuery = (query: ReadonlyMap<string, string>): Claim => {
  const missing = [
    'X-Amz-Algorithm',
    'X-Amz-Credential',
    'X-Amz-Signature',
    'X-Amz-SignedHeaders',
    'X-Amz-Date',
    'X-Amz-Expires',
  ].filter((name) => !query.get(name))
  if (missing.length > 0) {
    const each = missing.map((name) => `AWS query-string parameters must include '${name}'.`)
    throw incomplete(`${each.join(' ')} Re-examine the query-string parameters.`)
  }
  const found = query.get('X-Amz-Algorithm') ?? ''
  if (found !== algorithm) throw incomplete(`Unsupported AWS 'algorithm': '${found.slice(0, 60)}' (only ${algorithm} for now).`)
  const expires = query.get('X-Amz-Expires') ?? ''
  if (!/^[1-9]\d{0,5}$/.test(expires) || Number(expires) > longestPresigned)
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${longestPresigned}, got '${expires.slice(0, 60)}'`)
  return {
    ...parseCredential(query.get('X-Amz-Credential') ?? ''),
    signedHeaders: headerNames(query.get('X-Amz-SignedHeaders') ?? ''),
    signature: query.get('X-Amz-Signature') ?? '',
    time: query.get('X-Amz-Date') ?? '',
    expires: Number(expires),
  }
}

/** Throws `IncompleteSignature`, `MissingAuthenticationToken` or `SignatureDoesNotMatch`. */
export const readClaim = (request: SignedRequest): Claim => {
  const authorization = request.headers['authorization']
  const presigned = ['X-Amz-Algorithm', 'X-Amz-Signature', 'X-Amz-Credential'].some((name) => request.query.has(name))
  if (authorization !== undefined && presigned) {
    throw new Fault(
      'SignatureDoesNotMatch',
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
  }
  if (authorization?.startsWith('AWS4-')) return fromHeader(request, authorization)
  if (presigned) return fromQuery(request.query)
  throw new Fault('MissingAuthenticationToken', 'Request is missing Authentication Token')
}
