import type { Fault } from '../../errors.ts'
import type { WireError } from './encode.ts'
import { errors } from './schema.ts'

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
  ['UnsupportedMediaType', 415],
])

/** The only place where a fault gets its wire code and HTTP status. Null: no such error is known, which is a mistake of ours. */
export const wireError = (fault: Fault): WireError | null => {
  const schema = errors.get(fault.shape)
  if (schema !== undefined) return { code: schema.code, status: schema.status, message: fault.message }
  const status = common.get(fault.shape)
  return status === undefined ? null : { code: fault.shape, status, message: fault.message }
}

/** For what went wrong on our side: the caller learns that it failed, the log why. */
export const internalFailure: WireError = {
  code: 'InternalFailure',
  status: 500,
  message: 'The request processing has failed because of an unknown error, exception or failure.',
}
