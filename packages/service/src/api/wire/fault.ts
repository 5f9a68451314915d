import type { Fault } from '../../errors.ts'
import type { WireError } from './encode.ts'
import { errors } from './schema.ts'

/** Errors that every service of AWS has, and that its models do not carry. Source: "Common Errors" of the API reference. */
const common: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  IncompleteSignature: 400,
  InternalFailure: 500,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  InvalidQueryParameter: 400,
  MalformedQueryString: 404,
  MissingAction: 400,
  MissingAuthenticationToken: 403,
  MissingParameter: 400,
  NotYetImplemented: 400,
  RequestEntityTooLarge: 413,
  RequestExpired: 400,
  RequestTimeout: 408,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  UnsupportedMediaType: 415,
}

/** The only place where a fault gets its wire code and HTTP status. */
export const wireError = (fault: Fault): WireError => {
  const schema = errors.get(fault.shape)
  if (schema !== undefined) return { code: schema.code, status: schema.status, message: fault.message }
  const status = common[fault.shape]
  if (status === undefined)
    throw new TypeError(`expected an error of the API model or a common one, found ${fault.shape}`, { cause: fault })
  return { code: fault.shape, status, message: fault.message }
}
