/** Tokens of Redis AUTH. Source: AWS's page on authenticating with AUTH. */
import { createHash } from 'node:crypto'
import { invalidValue } from '../errors.ts'

const allowed = /^[A-Za-z0-9!&#$^<>-]{16,128}$/

/** SHA-256 of the token, as the engine takes it. Throws `InvalidParameterValueException`; the token is in no message. */
export const authTokenHash = (token: string): string => {
  if (!allowed.test(token)) {
    throw invalidValue(
      'Invalid AuthToken provided. It must have 16 to 128 characters: letters, digits, and of the others only ! & # $ ^ < > and -.',
    )
  }
  return createHash('sha256').update(token).digest('hex')
}
