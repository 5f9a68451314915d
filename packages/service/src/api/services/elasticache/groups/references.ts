/** The records that a group names. Their absence or change until the write makes the write fail, so that none of them can vanish meanwhile. */
import { Fault } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { familyOf } from '../../../../model/engine-versions.ts'
import type { EngineName } from '../../../../model/group.ts'
import { parameterGroupKey, subnetGroupKey } from '../../../../model/keys.ts'
import { defaultSubnetGroupName } from '../../../../model/network.ts'
import type { ParameterGroupRecord, SubnetGroupRecord } from '../../../../model/records.ts'
import { readRecord, unchanged } from '../../../../ports/records.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { findParameterGroup } from '../parameter-groups/find.ts'
import { findSubnetGroup } from '../subnet-groups/find.ts'

export interface Reference<T> {
  readonly value: T
  /** To be met by the write. None for what is stored nowhere, the default groups. */
  readonly conditions: readonly Condition[]
}

const reference = async <T>(context: ActionContext, name: string, key: string, find: () => Promise<T>): Promise<Reference<T>> => {
  const stored = isStorable(name) ? await readRecord<T>(context.store, key) : null
  return stored === null ? { value: await find(), conditions: [] } : { value: stored.value, conditions: [unchanged(stored)] }
}

/** Throws `CacheParameterGroupNotFoundFault`. */
const parameterGroup = (context: ActionContext, name: string): Promise<Reference<ParameterGroupRecord>> =>
  reference(context, name.toLowerCase(), parameterGroupKey(context.region, name.toLowerCase()), () =>
    findParameterGroup(context, name),
  )

/** Is a group with these parameters one with cluster mode? It is off unless it is turned on. */
export const isClustered = (group: ParameterGroupRecord): boolean => group.values['cluster-enabled'] === 'yes'

/** A parameter group for this engine. Throws also `InvalidParameterCombinationException` where it is one for another. */
export const parameterGroupFor = async (
  context: ActionContext,
  name: string,
  engine: EngineName,
  version: string,
): Promise<Reference<ParameterGroupRecord>> => {
  const found = await parameterGroup(context, name)
  const family = familyOf(engine, version)
  if (found.value.family !== family) throw awsTexts.familyOfNew(family, found.value.family)
  return found
}

/** As `parameterGroupFor`, for a group that is there: AWS says it in other words. */
export const otherParameterGroupFor: typeof parameterGroupFor = async (context, name, engine, version) => {
  const found = await parameterGroup(context, name)
  const family = familyOf(engine, version)
  const { family: requested } = found.value
  const [other = ''] = /^[a-z]+/.exec(requested) ?? []
  if (other !== engine) throw awsTexts.engineOfGroup(other, engine)
  if (requested !== family) throw awsTexts.familyOfPresent(family, requested)
  return found
}

/** Without a name the default subnet group, which has a subnet in each zone. Throws `CacheSubnetGroupNotFoundFault`. */
export const subnetGroupFor = async (context: ActionContext, name: string | undefined): Promise<Reference<SubnetGroupRecord>> => {
  const wanted = (name || defaultSubnetGroupName).toLowerCase()
  const found = await reference(context, wanted, subnetGroupKey(context.region, wanted), () =>
    findSubnetGroup(context, name || wanted),
  )
  if (found.value.subnets.length === 0) {
    throw new Fault('InvalidVPCNetworkStateFault', `The subnet group ${wanted} has no subnets.`)
  }
  return found
}
