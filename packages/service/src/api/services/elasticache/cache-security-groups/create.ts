import type { CreateCacheSecurityGroupMessage, CreateCacheSecurityGroupResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import {
  type CacheSecurityGroupRecord,
  cacheSecurityGroupKey,
  cacheSecurityGroupName,
  cacheSecurityGroupsInRegion,
} from '../../../../model/cache-security-groups.ts'
import { checkTags } from '../../../../model/tags.ts'
import { absent, put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { write } from '../../../writing.ts'
import { descriptionText } from '../groups/values.ts'
import { cacheSecurityGroupView, storedCacheSecurityGroups } from './find.ts'

const alreadyExists = (name: string): Fault =>
  new Fault('CacheSecurityGroupAlreadyExistsFault', `Cache security group ${name} already exists.`)

/** A new one lets nobody in. */
export const createCacheSecurityGroup: Action<CreateCacheSecurityGroupMessage, CreateCacheSecurityGroupResult> = async (
  input,
  context,
) => {
  const name = cacheSecurityGroupName(input.CacheSecurityGroupName)
  const description = descriptionText('Description', input.Description)
  const tags = checkTags([], input.Tags ?? [])
  const others = await storedCacheSecurityGroups(context)
  if (others.some((group) => group.name === name)) throw alreadyExists(name)
  if (others.length >= cacheSecurityGroupsInRegion) {
    throw new Fault(
      'CacheSecurityGroupQuotaExceededFault',
      `A region has at most ${cacheSecurityGroupsInRegion} cache security groups; there are ${others.length}.`,
    )
  }
  const record: CacheSecurityGroupRecord = { region: context.region, name, description, allowed: [], tags }
  const key = cacheSecurityGroupKey(context.region, name)
  if (!(await write(context, [absent(key)], [put(key, record)], []))) throw alreadyExists(name)
  return { CacheSecurityGroup: await cacheSecurityGroupView(context, record) }
}
