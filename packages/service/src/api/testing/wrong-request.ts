import { formOf, type Signing, signHeader } from '../testing.ts'
import { http } from './exchange.ts'

/** A request that has to be refused. */
export interface Wrong {
  readonly name: string
  readonly bytes: Uint8Array
  /** HEAD has no body to look at, and a client may end its request itself. */
  readonly bodiless?: boolean
}

export const version = '2015-02-02'
export const formType = 'application/x-www-form-urlencoded'

export const signedBody = (
  body: string | Uint8Array,
  signing: Partial<Signing> = {},
  headers: Readonly<Record<string, string>> = {},
): Uint8Array => {
  const request = signHeader({ body, headers: { 'content-type': formType, ...headers } }, signing)
  return http('POST', '/', request.headers, request.body)
}

export const call = (action: string, parameters: Readonly<Record<string, string>>): Uint8Array =>
  signedBody(formOf({ Action: action, Version: version, ...parameters }))
