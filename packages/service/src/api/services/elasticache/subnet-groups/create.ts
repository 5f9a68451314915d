import type { CreateCacheSubnetGroupMessage, CreateCacheSubnetGroupResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { subnetGroupEvents } from '../../../../model/events.ts'
import { subnetGroupKey } from '../../../../model/keys.ts'
import { subnetGroupName } from '../../../../model/names.ts'
import { defaultSubnetGroupName } from '../../../../model/network.ts'
import { subnetGroupsInRegion } from '../../../../model/quotas.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { checkTags } from '../../../../model/tags.ts'
import { absent, put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { requiredList, requiredText } from '../../../required.ts'
import { untilWritten, write } from '../../../writing.ts'
import { subnetsOf } from './find.ts'
import { storedSubnetGroups } from './stored.ts'
import { subnetGroupView } from './view.ts'

const alreadyExists = awsTexts.subnetGroupExists

export const createCacheSubnetGroup: Action<CreateCacheSubnetGroupMessage, CreateCacheSubnetGroupResult> = async (
  input,
  context,
) => {
  const name = subnetGroupName(input.CacheSubnetGroupName)
  const description = requiredText('CacheSubnetGroupDescription', input.CacheSubnetGroupDescription)
  const ids = requiredList('SubnetIds', input.SubnetIds)
  await subnetsOf(context, ids)
  const tags = checkTags([], input.Tags ?? [])
  if (name === defaultSubnetGroupName) throw alreadyExists(name)
  const others = await storedSubnetGroups(context)
  if (others.some((group) => group.name === name)) throw alreadyExists(name)
  if (others.length >= subnetGroupsInRegion) {
    throw new Fault(
      'CacheSubnetGroupQuotaExceededFault',
      `A region has at most ${subnetGroupsInRegion} cache subnet groups; there are ${others.length}.`,
    )
  }
  const key = subnetGroupKey(context.region, name)
  const record = await untilWritten(`cache subnet group ${name}`, async () => {
    const { vpcId, subnets, conditions, operations } = await subnetsOf(context, ids)
    const made: SubnetGroupRecord = { region: context.region, name, description, vpcId, subnets, tags }
    const created = subnetGroupEvents(context.region, name).created()
    if (await write(context, [absent(key), ...conditions], [put(key, made), ...operations], [created])) return made
    if ((await context.store.get(key)) !== null) throw alreadyExists(name)
    return null
  })
  return { CacheSubnetGroup: subnetGroupView(record, context.account) }
}
