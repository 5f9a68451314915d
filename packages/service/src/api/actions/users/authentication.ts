/** How a user shows who he is, as requests say it: in one of three ways. No message holds a password. */
import { invalidCombination } from '../../../errors.ts'
import { type AuthenticationType, passwordHashes, type UserRecord } from '../../../model/users.ts'
import { oneOf } from '../groups/values.ts'

interface Wish {
  readonly Passwords?: readonly string[] | undefined
  readonly NoPasswordRequired?: boolean | undefined
  readonly AuthenticationMode?:
    | { readonly Type?: string | undefined; readonly Passwords?: readonly string[] | undefined }
    | undefined
}

type Authentication = Pick<UserRecord, 'authentication' | 'passwords'>

const types = ['password', 'no-password-required', 'iam'] as const

const byMode = ({ Type, Passwords }: NonNullable<Wish['AuthenticationMode']>): Authentication => {
  const authentication: AuthenticationType =
    oneOf('AuthenticationMode.Type', Type, types) ?? (Passwords === undefined ? 'no-password-required' : 'password')
  if (authentication === 'password') return { authentication, passwords: passwordHashes(Passwords ?? []) }
  if ((Passwords ?? []).length > 0)
    throw invalidCombination(`Passwords cannot be given for authentication mode ${authentication}.`)
  return { authentication, passwords: [] }
}

/** Undefined: nothing is said about it. Throws `InvalidParameterCombinationException`, `InvalidParameterValueException`. */
export const authenticationOf = ({ Passwords, NoPasswordRequired, AuthenticationMode }: Wish): Authentication | undefined => {
  const hasPasswords = (Passwords ?? []).length > 0
  const said = [hasPasswords, NoPasswordRequired === true, AuthenticationMode !== undefined].filter(Boolean).length
  if (said > 1)
    throw invalidCombination('Only one of Passwords, NoPasswordRequired and AuthenticationMode can be given for a user.')
  if (AuthenticationMode !== undefined) return byMode(AuthenticationMode)
  if (NoPasswordRequired === true) return { authentication: 'no-password-required', passwords: [] }
  return hasPasswords ? { authentication: 'password', passwords: passwordHashes(Passwords ?? []) } : undefined
}
