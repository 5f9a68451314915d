import type { CreateCacheParameterGroupMessage, CreateCacheParameterGroupResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { parameterGroupEvents } from '../../../../model/events.ts'
import { parameterGroupKey } from '../../../../model/keys.ts'
import { parameterGroupName } from '../../../../model/names.ts'
import { parameterGroupsInRegion } from '../../../../model/quotas.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import { checkTags } from '../../../../model/tags.ts'
import { absent, put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { write } from '../../../writing.ts'
import { familyNamed } from './families.ts'
import { storedParameterGroups } from './find.ts'
import { parameterGroupView } from './view.ts'

const alreadyExists = (name: string): Fault =>
  new Fault('CacheParameterGroupAlreadyExistsFault', `Parameter group ${name} already exists`)

export const createCacheParameterGroup: Action<CreateCacheParameterGroupMessage, CreateCacheParameterGroupResult> = async (
  input,
  context,
) => {
  const name = parameterGroupName(input.CacheParameterGroupName)
  const family = familyNamed(input.CacheParameterGroupFamily)
  const description = requiredText('Description', input.Description)
  const tags = checkTags([], input.Tags ?? [])
  const others = await storedParameterGroups(context)
  if (others.some((group) => group.name === name)) throw alreadyExists(name)
  if (others.length >= parameterGroupsInRegion) {
    throw new Fault(
      'CacheParameterGroupQuotaExceededFault',
      `A region has at most ${parameterGroupsInRegion} cache parameter groups; there are ${others.length}.`,
    )
  }
  const record: ParameterGroupRecord = { region: context.region, name, family, description, values: {}, tags }
  const key = parameterGroupKey(context.region, name)
  if (!(await write(context, [absent(key)], [put(key, record)], [parameterGroupEvents(context.region, name).created()]))) {
    throw alreadyExists(name)
  }
  return { CacheParameterGroup: parameterGroupView(record, context.account) }
}
