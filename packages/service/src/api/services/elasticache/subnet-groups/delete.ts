import type { DeleteCacheSubnetGroupMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { subnetGroupEvents } from '../../../../model/events.ts'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { removeUnlessUsed, untilWritten } from '../../../writing.ts'
import { ownSubnetGroup } from './find.ts'

export const deleteCacheSubnetGroup: Action<DeleteCacheSubnetGroupMessage, object> = (input, context) =>
  untilWritten(`cache subnet group ${input.CacheSubnetGroupName}`, async () => {
    const record = await ownSubnetGroup(context, requiredText('CacheSubnetGroupName', input.CacheSubnetGroupName))
    const { name } = record.value
    const removed = await removeUnlessUsed(
      context,
      record,
      (spec) => spec.subnetGroup === name,
      () => new Fault('CacheSubnetGroupInUse', `Cache subnet group ${name} is currently in use by a cache cluster.`),
      [subnetGroupEvents(context.region, name).deleted()],
    )
    return removed ? {} : null
  })
