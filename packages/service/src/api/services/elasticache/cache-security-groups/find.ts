import type { CacheSecurityGroup } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { type CacheSecurityGroupRecord, cacheSecurityGroupKey } from '../../../../model/cache-security-groups.ts'
import { arn } from '../../../../model/names.ts'
import { listRecords, readRecord, type Versioned } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { requiredText } from '../../../required.ts'
import { readGroup } from '../../ec2/find.ts'

/** By name. */
export const storedCacheSecurityGroups = async (context: ActionContext): Promise<readonly CacheSecurityGroupRecord[]> =>
  (await listRecords<CacheSecurityGroupRecord>(context.store, cacheSecurityGroupKey(context.region, ''))).records.map(
    ({ value }) => value,
  )

/** Throws `CacheSecurityGroupNotFoundFault`. */
export const findCacheSecurityGroup = async (
  context: ActionContext,
  value: string | undefined,
): Promise<Versioned<CacheSecurityGroupRecord>> => {
  const text = requiredText('CacheSecurityGroupName', value)
  const name = text.toLowerCase()
  const record = isStorable(name)
    ? await readRecord<CacheSecurityGroupRecord>(context.store, cacheSecurityGroupKey(context.region, name))
    : null
  if (record === null) throw new Fault('CacheSecurityGroupNotFoundFault', `CacheSecurityGroup ${text.slice(0, 100)} not found.`)
  return record
}

export const cacheSecurityGroupView = async (
  context: ActionContext,
  group: CacheSecurityGroupRecord,
): Promise<CacheSecurityGroup> => ({
  OwnerId: context.account,
  CacheSecurityGroupName: group.name,
  Description: group.description,
  EC2SecurityGroups: await Promise.all(
    group.allowed.map(async (id) => ({
      Status: 'authorized',
      EC2SecurityGroupName: (await readGroup(context, id))?.value.name ?? id,
      EC2SecurityGroupOwnerId: context.account,
    })),
  ),
  ARN: arn(context.region, context.account, 'securitygroup', group.name),
})
