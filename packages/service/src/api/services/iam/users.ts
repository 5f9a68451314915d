/** CreateUser, GetUser, ListUsers, DeleteUser. */
import { Fault } from '../../../errors.ts'
import { type IamUser, iamUserArn, iamUserKey, iamUserPrefix, rootArn, usersOfAccount } from '../../../model/iam.ts'
import { absent, listRecords, put, remove, unchanged } from '../../../ports/records.ts'
import { untilWritten } from '../../writing.ts'
import { dateElement, element, findUser, type IamContext, type IamOperation, namedOrCaller, pageElements } from './context.ts'
import { newUserId } from './ids.ts'
import { pageOf, pathOf, pathPrefixOf, tagsOf, userNameOf } from './input.ts'

const plain = (context: IamContext, user: IamUser): string =>
  [
    element('Path', user.path),
    element('UserName', user.name),
    element('UserId', user.id),
    element('Arn', iamUserArn(context.account, user)),
    dateElement('CreateDate', user.createdAt),
  ].join('')

const withTags = (context: IamContext, user: IamUser): string => {
  const tags = user.tags.map(({ key, value }) => `<member>${element('Key', key)}${element('Value', value)}</member>`).join('')
  return `<User>${plain(context, user)}${tags === '' ? '' : `<Tags>${tags}</Tags>`}</User>`
}

export const createUser: IamOperation = {
  known: ['UserName', 'Path', 'Tags'],
  run: async (parameters, context) => {
    const user: IamUser = {
      name: userNameOf(parameters),
      path: pathOf(parameters),
      id: newUserId(),
      createdAt: context.clock.now(),
      tags: tagsOf(parameters),
      accessKeys: [],
      policies: [],
    }
    const { entries } = await context.store.list(iamUserPrefix, { limit: usersOfAccount })
    if (entries.length >= usersOfAccount)
      throw new Fault('LimitExceeded', `Cannot exceed quota for UsersPerAccount: ${usersOfAccount}`)
    const key = iamUserKey(user.name)
    const { ok } = await context.store.transact([absent(key)], [put(key, user)])
    if (!ok) throw new Fault('EntityAlreadyExists', `User with name ${user.name} already exists.`)
    return withTags(context, user)
  },
}

export const getUser: IamOperation = {
  known: ['UserName'],
  run: async (parameters, context) => {
    const { account, caller } = context
    if (parameters.has('UserName') || caller.user !== undefined)
      return withTags(context, (await findUser(context, namedOrCaller(parameters, caller))).value)
    return `<User>${element('Path', '/')}${element('UserName', 'root')}${element('UserId', account)}${element('Arn', rootArn(account))}${dateElement('CreateDate', 0)}</User>`
  },
}

export const listUsers: IamOperation = {
  known: ['PathPrefix', 'MaxItems', 'Marker'],
  run: async (parameters, context) => {
    const prefix = pathPrefixOf(parameters)
    const { records } = await listRecords<IamUser>(context.store, iamUserPrefix)
    const users = records.map(({ value }) => value).filter(({ path }) => path.startsWith(prefix))
    const { items, marker } = pageOf(parameters, users, ({ name }) => name.toLowerCase())
    return `<Users>${items.map((user) => `<member>${plain(context, user)}</member>`).join('')}</Users>${pageElements(marker)}`
  },
}

export const deleteUser: IamOperation = {
  known: ['UserName'],
  run: async (parameters, context) => {
    const name = userNameOf(parameters)
    await untilWritten(`the user ${name}`, async () => {
      const record = await findUser(context, name)
      const { accessKeys, policies } = record.value
      if (accessKeys.length > 0) throw new Fault('DeleteConflict', 'Cannot delete entity, must delete access keys first.')
      if (policies.length > 0) throw new Fault('DeleteConflict', 'Cannot delete entity, must delete policies first.')
      const { ok } = await context.store.transact([unchanged(record)], [remove(record.key)])
      return ok ? true : null
    })
    return null
  },
}
