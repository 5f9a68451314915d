import type { DeleteCacheParameterGroupMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { parameterGroupEvents } from '../../../../model/events.ts'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { removeUnlessUsed, untilWritten } from '../../../writing.ts'
import { ownParameterGroup } from './find.ts'

const inUse = (name: string): Fault =>
  new Fault(
    'InvalidCacheParameterGroupStateFault',
    `One or more cache clusters are still members of this parameter group ${name}, so the group cannot be deleted.`,
  )

export const deleteCacheParameterGroup: Action<DeleteCacheParameterGroupMessage, object> = (input, context) =>
  untilWritten(`cache parameter group ${input.CacheParameterGroupName}`, async () => {
    const record = await ownParameterGroup(context, requiredText('CacheParameterGroupName', input.CacheParameterGroupName))
    const { name } = record.value
    const removed = await removeUnlessUsed(
      context,
      record,
      (spec) => spec.parameterGroup === name || spec.pending?.parameterGroup === name,
      () => inUse(name),
      [parameterGroupEvents(context.region, name).deleted()],
    )
    return removed ? {} : null
  })
