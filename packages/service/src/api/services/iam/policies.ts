/** PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy. */
import { Fault } from '../../../errors.ts'
import { type IamPolicy, policyCharactersOfUser } from '../../../model/iam.ts'
import { readPolicy } from '../../../security/iam/policy.ts'
import { untilWritten } from '../../writing.ts'
import { element, findUser, type IamOperation, pageElements, writeUser } from './context.ts'
import { pageOf, policyDocumentOf, policyNameOf, userNameOf } from './input.ts'

const notFound = (name: string): Fault => new Fault('NoSuchEntity', `The user policy with name ${name} cannot be found.`)

const sizeOf = (policies: readonly IamPolicy[]): number =>
  policies.reduce((sum, { document }) => sum + document.replace(/\s/g, '').length, 0)

export const putUserPolicy: IamOperation = {
  known: ['UserName', 'PolicyName', 'PolicyDocument'],
  run: async (parameters, context) => {
    const userName = userNameOf(parameters)
    const policy: IamPolicy = { name: policyNameOf(parameters), document: policyDocumentOf(parameters) }
    await untilWritten(`the user ${userName}`, async () => {
      const record = await findUser(context, userName)
      const policies = [...record.value.policies.filter(({ name }) => name !== policy.name), policy]
      if (sizeOf(policies) > policyCharactersOfUser)
        throw new Fault('LimitExceeded', `Maximum policy size of ${policyCharactersOfUser} bytes exceeded for user ${userName}`)
      readPolicy(policy.document)
      return writeUser(context, record, { policies })
    })
    return null
  },
}

export const getUserPolicy: IamOperation = {
  known: ['UserName', 'PolicyName'],
  run: async (parameters, context) => {
    const { value: user } = await findUser(context, userNameOf(parameters))
    const name = policyNameOf(parameters)
    const policy = user.policies.find((each) => each.name === name)
    if (policy === undefined) throw notFound(name)
    // Percent-encoded, as IAM gives it.
    const document = encodeURIComponent(policy.document)
    return `${element('UserName', user.name)}${element('PolicyName', name)}${element('PolicyDocument', document)}`
  },
}

export const listUserPolicies: IamOperation = {
  known: ['UserName', 'MaxItems', 'Marker'],
  run: async (parameters, context) => {
    const { value: user } = await findUser(context, userNameOf(parameters))
    const names = user.policies.map(({ name }) => name).toSorted()
    const { items, marker } = pageOf(parameters, names, (name) => name)
    return `<PolicyNames>${items.map((name) => element('member', name)).join('')}</PolicyNames>${pageElements(marker)}`
  },
}

export const deleteUserPolicy: IamOperation = {
  known: ['UserName', 'PolicyName'],
  run: async (parameters, context) => {
    const userName = userNameOf(parameters)
    const policyName = policyNameOf(parameters)
    await untilWritten(`the user ${userName}`, async () => {
      const record = await findUser(context, userName)
      const policies = record.value.policies.filter(({ name }) => name !== policyName)
      if (policies.length === record.value.policies.length) throw notFound(policyName)
      return writeUser(context, record, { policies })
    })
    return null
  },
}
