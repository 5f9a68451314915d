/**
 * Verifies signatures, version 4: in the Authorization header, or in the query of a presigned URL. The signature is made again from the
 * request by the well-kept signer of AWS's SDK and compared; what that does not do (scope, clock, comparison in constant time) is here.
 *
 * Order and wording of the refusals are those that AWS's services were seen to give (collected in the connection tests of dynalite, and
 * in scratchstack-aws-signature). Query services name them otherwise than JSON ones: InvalidSignatureException is
 * `SignatureDoesNotMatch` there, UnrecognizedClientException is `InvalidClientTokenId`.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Fault } from '../errors.ts'
import type { IamUser } from '../model/iam.ts'
import { isRegion } from '../model/zones.ts'
import { type Claim, readClaim } from './sigv4-claim.ts'
import type { SignedRequest } from './sigv4-request.ts'
import { signAgain } from './sigv4-sign.ts'

export type { SignedRequest }

export interface KeyHolder {
  readonly secretAccessKey: string
  readonly account: string
  readonly arn: string
  readonly userId: string
  /** A user of IAM, as it was when the signature was verified. Without: the root of the account, which may do everything. */
  readonly user?: IamUser
}

export interface Caller {
  readonly accessKeyId: string
  readonly account: string
  readonly arn: string
  readonly userId: string
  readonly region: string
  readonly service: string
  /** A user of IAM, as it was when the signature was verified. Without: the root of the account, which may do everything. */
  readonly user?: IamUser
}

export interface Verifier {
  /** Null for a key that does not exist. */
  readonly keyHolder: (accessKeyId: string) => Promise<KeyHolder | null>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const skewMs = 5 * 60 * 1000

const mismatch = (message: string): Fault => new Fault('SignatureDoesNotMatch', message)

const basicTime = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')

const parseTime = (text: string): number => {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1).map(Number) ?? []
  const [year = Number.NaN, month = 0, day, hour, minute, second] = parts
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  // A thirteenth month would go on into the next year.
  if (Number.isNaN(time) || basicTime(time) !== text) {
    throw new Fault(
      'IncompleteSignature',
      `Date must be in ISO-8601 'basic format'. Got '${text.slice(0, 60)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  return time
}

const checkTime = (claim: Claim, time: number, now: number): void => {
  const latest = now + skewMs
  if (time > latest)
    throw mismatch(
      `Signature not yet current: ${claim.time} is still later than ${basicTime(latest)} (${basicTime(now)} + 5 min.)`,
    )
  const earliest = now - skewMs
  if (claim.expires === null && time < earliest)
    throw mismatch(`Signature expired: ${claim.time} is now earlier than ${basicTime(earliest)} (${basicTime(now)} - 5 min.)`)
  const end = time + (claim.expires ?? 0) * 1000
  if (claim.expires !== null && end < now)
    throw new Fault('RequestExpired', `Request has expired: it was valid until ${basicTime(end)}, and it is ${basicTime(now)}.`)
}

const checkSignedHeaders = (claim: Claim, request: SignedRequest): void => {
  if (!claim.signedHeaders.includes('host'))
    throw mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  const absent = claim.signedHeaders.find((name) => !Object.hasOwn(request.headers, name))
  if (absent !== undefined)
    throw mismatch(`Expected each 'SignedHeader' among the headers of the request, found no '${absent.slice(0, 60)}'.`)
}

/** Which service is the right one is for the API to say (`checkService`). */
const checkScope = (claim: Claim): void => {
  const day = claim.time.slice(0, 8)
  const wrong = [
    ...(isRegion(claim.region) ? [] : [`Credential should be scoped to a valid region, not '${claim.region.slice(0, 60)}'.`]),
    ...(claim.terminator === 'aws4_request'
      ? []
      : [`Credential should be scoped with a valid terminator: 'aws4_request', not '${claim.terminator.slice(0, 60)}'.`]),
    ...(claim.date === day
      ? []
      : [
          `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.date.slice(0, 60)}' != '${day}', from '${claim.time}'.`,
        ]),
  ]
  if (wrong.length > 0) throw mismatch(wrong.join(' '))
}

/** Where this header is there the signer takes it for the hash of the body: it has to be the true one. */
const checkBodyHash = (request: SignedRequest): void => {
  const claimed = request.headers['x-amz-content-sha256']
  if (claimed !== undefined && claimed !== createHash('sha256').update(request.body).digest('hex'))
    throw mismatch("The value passed in for x-amz-content-sha256 does not match the hash of the request's content.")
}

/** The signer would leave it out, so anybody could add it to what somebody else has signed. */
const unsignable = '__proto__'
const checkQuery = ({ query }: SignedRequest): void => {
  if (query.has(unsignable))
    throw mismatch(`Expected no parameter '${unsignable}' in the query, which no signature covers, found one.`)
}

/** The time that it takes says nothing of where the two differ. */
const isSame = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())

/** Who signed this request. Throws a `Fault` as AWS would answer. Session tokens are refused: Larder gives out none. */
export const verifySignature = async (request: SignedRequest, verifier: Verifier): Promise<Caller> => {
  const claim = readClaim(request)
  const time = parseTime(claim.time)
  checkTime(claim, time, verifier.now())
  checkSignedHeaders(claim, request)
  checkScope(claim)
  checkQuery(request)
  const hasToken = Object.hasOwn(request.headers, 'x-amz-security-token') || request.query.has('X-Amz-Security-Token')
  const holder = hasToken ? null : await verifier.keyHolder(claim.accessKeyId)
  if (holder === null) throw new Fault('InvalidClientTokenId', 'The security token included in the request is invalid.')
  checkBodyHash(request)
  if (!isSame(await signAgain(request, claim, holder.secretAccessKey, new Date(time)), claim.signature)) {
    throw mismatch(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  }
  const { secretAccessKey: _, ...who } = holder
  return { accessKeyId: claim.accessKeyId, ...who, region: claim.region, service: claim.service }
}

/** Throws unless the signature was made for this service. */
export const checkService = (caller: Caller, expected: string): void => {
  if (caller.service !== expected)
    throw mismatch(`Credential should be scoped to correct service: '${expected}', not '${caller.service.slice(0, 60)}'.`)
}
