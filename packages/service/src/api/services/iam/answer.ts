/** A subset of IAM: users, their access keys and inline policies, and the aliases of the account. Query protocol, service name `iam`; global: any region in the signature. */
import { Fault } from '../../../errors.ts'
import type { WireError } from '../../protocols/query/error.ts'
import { wireError } from '../../protocols/query/fault.ts'
import { createAccessKey, deleteAccessKey, listAccessKeys, updateAccessKey } from './access-keys.ts'
import { type IamContext, type IamOperation, pageElements } from './context.ts'
import { type Parameters, refuseOthers } from './input.ts'
import { deleteUserPolicy, getUserPolicy, listUserPolicies, putUserPolicy } from './policies.ts'
import { createUser, deleteUser, getUser, listUsers } from './users.ts'

export const iamVersion = '2010-05-08'
export const iamNamespace = `https://iam.amazonaws.com/doc/${iamVersion}/`

/** An account has none: nobody can give it one here. */
const listAccountAliases: IamOperation = {
  known: ['Marker', 'MaxItems'],
  run: async () => `<AccountAliases/>${pageElements(null)}`,
}

const operations: ReadonlyMap<string, IamOperation> = new Map([
  ['CreateUser', createUser],
  ['GetUser', getUser],
  ['ListUsers', listUsers],
  ['DeleteUser', deleteUser],
  ['CreateAccessKey', createAccessKey],
  ['ListAccessKeys', listAccessKeys],
  ['UpdateAccessKey', updateAccessKey],
  ['DeleteAccessKey', deleteAccessKey],
  ['PutUserPolicy', putUserPolicy],
  ['GetUserPolicy', getUserPolicy],
  ['ListUserPolicies', listUserPolicies],
  ['DeleteUserPolicy', deleteUserPolicy],
  ['ListAccountAliases', listAccountAliases],
])

/** Source: the errors of each operation in the API reference of IAM. */
const statuses: ReadonlyMap<string, number> = new Map([
  ['DeleteConflict', 409],
  ['EntityAlreadyExists', 409],
  ['InvalidInput', 400],
  ['LimitExceeded', 409],
  ['MalformedPolicyDocument', 400],
  ['NoSuchEntity', 404],
  ['ValidationError', 400],
])

/** Null: no such error is known. */
export const iamError = (fault: Fault): WireError | null => {
  const status = statuses.get(fault.shape)
  return status === undefined ? wireError(fault) : { code: fault.shape, status, message: fault.message }
}

/** Throws `InvalidAction` for operations that Larder does not have. */
export const answerIam = async (
  name: string,
  parameters: Parameters,
  context: IamContext,
  requestId: string,
): Promise<string> => {
  const operation = operations.get(name)
  if (operation === undefined) {
    const found = `Could not find operation ${name.slice(0, 100)} for version ${iamVersion}`
    throw new Fault('InvalidAction', `${found}: of IAM, Larder has ${[...operations.keys()].join(', ')}.`)
  }
  refuseOthers(parameters, name, operation.known)
  const result = await operation.run(parameters, context)
  const content = result === null ? '' : `<${name}Result>${result}</${name}Result>`
  return `<${name}Response xmlns="${iamNamespace}">${content}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`
}
