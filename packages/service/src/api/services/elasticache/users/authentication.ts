/** How a user shows who he is, as requests say it: in one of three ways. No message holds a password. */
import { awsTexts } from '../../../../model/aws-texts.ts'
import { type AuthenticationType, passwordHashes, type UserRecord } from '../../../../model/users.ts'

interface Wish {
  readonly Passwords?: readonly string[] | undefined
  readonly NoPasswordRequired?: boolean | undefined
  readonly AuthenticationMode?:
    | { readonly Type?: string | undefined; readonly Passwords?: readonly string[] | undefined }
    | undefined
}

type Authentication = Pick<UserRecord, 'authentication' | 'passwords'>

const types: readonly AuthenticationType[] = ['password', 'no-password-required', 'iam']

const typeNamed = (text: string | undefined): AuthenticationType => {
  const found = types.find((type) => type === text?.toLowerCase())
  if (found === undefined) throw awsTexts.authenticationType(text?.slice(0, 100) || 'null')
  return found
}

/** Null: nothing is said about it. */
const typeOf = ({ Passwords = [], NoPasswordRequired, AuthenticationMode }: Wish): AuthenticationType | null => {
  if (AuthenticationMode !== undefined) return typeNamed(AuthenticationMode.Type)
  if (Passwords.length > 0) return 'password'
  return NoPasswordRequired === true ? 'no-password-required' : null
}

/** Undefined: nothing is said about it. Throws `InvalidParameterCombinationException`, `InvalidParameterValueException`. */
export const authenticationOf = (wish: Wish): Authentication | undefined => {
  const authentication = typeOf(wish)
  if (authentication === null) return undefined
  const { Passwords = [], NoPasswordRequired, AuthenticationMode } = wish
  const ofMode = AuthenticationMode?.Passwords ?? []
  if (Passwords.length > 0 && ofMode.length > 0) throw awsTexts.passwordsTwice()
  if (NoPasswordRequired === true && authentication !== 'no-password-required') throw awsTexts.passwordFlag(authentication)
  const passwords = [...Passwords, ...ofMode]
  if (authentication !== 'password') {
    if (passwords.length > 0) throw awsTexts.passwordsNotAllowed(authentication)
    return { authentication, passwords: [] }
  }
  if (passwords.length === 0) throw awsTexts.passwordMissing()
  return { authentication, passwords: passwordHashes(passwords) }
}

/** Of a user that is made. Throws as `authenticationOf`, also where nothing is said. */
export const newAuthentication = (wish: Wish): Authentication => {
  const found = authenticationOf(wish)
  if (found !== undefined) return found
  throw wish.NoPasswordRequired === false ? awsTexts.passwordMissing() : awsTexts.authenticationType('null')
}
