import type { CreateCacheSubnetGroupMessage, CreateCacheSubnetGroupResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../errors.ts'
import { awsTexts } from '../../../model/aws-texts.ts'
import { subnetGroupEvents } from '../../../model/events.ts'
import { subnetGroupKey } from '../../../model/keys.ts'
import { subnetGroupName } from '../../../model/names.ts'
import { defaultSubnetGroupName, defaultVpc } from '../../../model/network.ts'
import { subnetGroupsInRegion } from '../../../model/quotas.ts'
import type { SubnetGroupRecord } from '../../../model/records.ts'
import { checkTags } from '../../../model/tags.ts'
import { absent, put } from '../../../ports/records.ts'
import type { Action } from '../../action.ts'
import { requiredList, requiredText } from '../../required.ts'
import { write } from '../../writing.ts'
import { storedSubnetGroups, subnetsOf } from './find.ts'
import { subnetGroupView } from './view.ts'

const alreadyExists = awsTexts.subnetGroupExists

export const createCacheSubnetGroup: Action<CreateCacheSubnetGroupMessage, CreateCacheSubnetGroupResult> = async (
  input,
  context,
) => {
  const name = subnetGroupName(input.CacheSubnetGroupName)
  const description = requiredText('CacheSubnetGroupDescription', input.CacheSubnetGroupDescription)
  const subnets = await subnetsOf(context, requiredList('SubnetIds', input.SubnetIds))
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
  const vpcId = defaultVpc(context.region, context.account).id
  const record: SubnetGroupRecord = { region: context.region, name, description, vpcId, subnets, tags }
  const key = subnetGroupKey(context.region, name)
  if (!(await write(context, [absent(key)], [put(key, record)], [subnetGroupEvents(context.region, name).created()]))) {
    throw alreadyExists(name)
  }
  return { CacheSubnetGroup: subnetGroupView(record, context.account) }
}
