import type { DeleteCacheSecurityGroupMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import type { Action } from '../../../action.ts'
import { removeUnlessUsed, untilWritten } from '../../../writing.ts'
import { findCacheSecurityGroup } from './find.ts'

export const deleteCacheSecurityGroup: Action<DeleteCacheSecurityGroupMessage, object> = (input, context) =>
  untilWritten(`cache security group ${input.CacheSecurityGroupName}`, async () => {
    const record = await findCacheSecurityGroup(context, input.CacheSecurityGroupName)
    const { name } = record.value
    const removed = await removeUnlessUsed(
      context,
      record,
      (spec) => spec.labels.cacheSecurityGroupNames.includes(name),
      () =>
        new Fault(
          'InvalidCacheSecurityGroupStateFault',
          `Cache security group ${name} is in use by a cache cluster, and cannot be deleted.`,
        ),
      [],
    )
    return removed ? {} : null
  })
