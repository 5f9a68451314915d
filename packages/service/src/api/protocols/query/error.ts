/** Errors as they go over the wire. Without the schema of AWS: the thread that serves HTTP has none. */
import type { Fault } from '../../../errors.ts'
import { escapeXml } from './xml.ts'

export interface WireError {
  /** As clients see it: `CacheClusterNotFound`. */
  readonly code: string
  readonly status: number
  readonly message: string
}

/**
 * Errors that every service of AWS has and that its models do not carry, with their HTTP status. Source: "Common Errors" of the API
 * reference. `NotYetImplemented` is Larder's own: 400, because clients try again after a 501.
 */
const common: ReadonlyMap<string, number> = new Map([
  ['AccessDenied', 403],
  ['IncompleteSignature', 400],
  ['InternalFailure', 500],
  ['InvalidAction', 400],
  ['InvalidClientTokenId', 403],
  ['InvalidQueryParameter', 400],
  ['MalformedInput', 400],
  ['MalformedQueryString', 404],
  ['MissingAction', 400],
  ['MissingAuthenticationToken', 403],
  ['NotYetImplemented', 400],
  ['RequestEntityTooLarge', 413],
  ['RequestExpired', 400],
  ['RequestTimeout', 408],
  ['ServiceUnavailable', 503],
  ['SignatureDoesNotMatch', 403],
  ['Throttling', 400],
  ['UnsupportedMediaType', 415],
])

/** Null: not one of the common errors. */
export const commonError = (fault: Fault): WireError | null => {
  const status = common.get(fault.shape)
  return status === undefined ? null : { code: fault.shape, status, message: fault.message }
}

/** For what went wrong on our side: the caller learns that it failed, the log why. */
export const internalFailure: WireError = {
  code: 'InternalFailure',
  status: 500,
  message: 'The request processing has failed because of an unknown error, exception or failure.',
}

export const encodeError = (error: WireError, requestId: string, xmlns: string): string => {
  const type = error.status >= 500 ? 'Receiver' : 'Sender'
  const inner = `<Type>${type}</Type><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`
  return `<ErrorResponse xmlns="${xmlns}"><Error>${inner}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
}
