/** CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey. */
import { Fault } from '../../../errors.ts'
import {
  type AccessKeyIndex,
  accessKeyPurpose,
  accessKeysOfUser,
  type IamAccessKey,
  type IamUser,
  iamAccessKeyKey,
} from '../../../model/iam.ts'
import { put, remove } from '../../../ports/records.ts'
import { untilWritten } from '../../writing.ts'
import { dateElement, element, findUser, type IamOperation, namedOrCaller, pageElements, writeUser } from './context.ts'
import { newAccessKeyId, newSecretAccessKey } from './ids.ts'
import { accessKeyIdOf, pageOf, statusOf } from './input.ts'

const metadata = (userName: string, key: IamAccessKey, secret = ''): string =>
  [
    element('UserName', userName),
    element('AccessKeyId', key.id),
    element('Status', key.status),
    secret,
    dateElement('CreateDate', key.createdAt),
  ].join('')

/** The only answer that ever holds the secret access key. */
export const createAccessKey: IamOperation = {
  known: ['UserName'],
  run: async (parameters, context) => {
    const name = namedOrCaller(parameters, context.caller)
    const secret = newSecretAccessKey()
    const id = newAccessKeyId()
    const sealedSecret = context.sealer.seal(secret, accessKeyPurpose(id))
    const key: IamAccessKey = { id, sealedSecret, status: 'Active', createdAt: context.clock.now() }
    await untilWritten(`the user ${name}`, async () => {
      const record = await findUser(context, name)
      const { accessKeys } = record.value
      if (accessKeys.length >= accessKeysOfUser)
        throw new Fault('LimitExceeded', `Cannot exceed quota for AccessKeysPerUser: ${accessKeysOfUser}`)
      const index: AccessKeyIndex = { user: name }
      return writeUser(context, record, { accessKeys: [...accessKeys, key] }, [put(iamAccessKeyKey(id), index)])
    })
    return `<AccessKey>${metadata(name, key, element('SecretAccessKey', secret))}</AccessKey>`
  },
}

export const listAccessKeys: IamOperation = {
  known: ['UserName', 'MaxItems', 'Marker'],
  run: async (parameters, context) => {
    const { value: user } = await findUser(context, namedOrCaller(parameters, context.caller))
    const sorted = user.accessKeys.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const { items, marker } = pageOf(parameters, sorted, ({ id }) => id)
    const keys = items.map((key) => `<member>${metadata(user.name, key)}</member>`).join('')
    return `${element('UserName', user.name)}<AccessKeyMetadata>${keys}</AccessKeyMetadata>${pageElements(marker)}`
  },
}

const checkHasKey = (user: IamUser, id: string): void => {
  if (!user.accessKeys.some((key) => key.id === id))
    throw new Fault('NoSuchEntity', `The Access Key with id ${id} cannot be found.`)
}

export const updateAccessKey: IamOperation = {
  known: ['UserName', 'AccessKeyId', 'Status'],
  run: async (parameters, context) => {
    const name = namedOrCaller(parameters, context.caller)
    const id = accessKeyIdOf(parameters)
    const status = statusOf(parameters)
    await untilWritten(`the user ${name}`, async () => {
      const record = await findUser(context, name)
      checkHasKey(record.value, id)
      return writeUser(context, record, {
        accessKeys: record.value.accessKeys.map((key) => (key.id === id ? { ...key, status } : key)),
      })
    })
    return null
  },
}

export const deleteAccessKey: IamOperation = {
  known: ['UserName', 'AccessKeyId'],
  run: async (parameters, context) => {
    const name = namedOrCaller(parameters, context.caller)
    const id = accessKeyIdOf(parameters)
    await untilWritten(`the user ${name}`, async () => {
      const record = await findUser(context, name)
      checkHasKey(record.value, id)
      const accessKeys = record.value.accessKeys.filter((key) => key.id !== id)
      return writeUser(context, record, { accessKeys }, [remove(iamAccessKeyKey(id))])
    })
    return null
  },
}
