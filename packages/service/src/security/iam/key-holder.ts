/** Whose an access key of IAM is, for the verification of signatures. */
import {
  type AccessKeyIndex,
  accessKeyPurpose,
  type IamUser,
  iamAccessKeyKey,
  iamUserArn,
  iamUserKey,
  isAccessKeyId,
} from '../../model/iam.ts'
import { readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import type { Sealer } from '../seal.ts'
import type { KeyHolder, Verifier } from '../sigv4.ts'

/** Null for keys that do not exist, and for inactive ones. */
export const iamKeyHolder =
  (store: Store, sealer: Sealer, account: string): Verifier['keyHolder'] =>
  async (accessKeyId): Promise<KeyHolder | null> => {
    if (!isAccessKeyId(accessKeyId)) return null
    const index = await readRecord<AccessKeyIndex>(store, iamAccessKeyKey(accessKeyId))
    if (index === null) return null
    const user = (await readRecord<IamUser>(store, iamUserKey(index.value.user)))?.value
    const key = user?.accessKeys.find(({ id, status }) => id === accessKeyId && status === 'Active')
    if (user === undefined || key === undefined) return null
    const secretAccessKey = sealer.open(key.sealedSecret, accessKeyPurpose(accessKeyId))
    return { secretAccessKey, account, arn: iamUserArn(account, user), userId: user.id, user }
  }
