import type { ModifyCacheSubnetGroupMessage, ModifyCacheSubnetGroupResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { subnetGroupEvents } from '../../../../model/events.ts'
import type { GroupSpec, NodeSpec } from '../../../../model/group.ts'
import type { Subnet } from '../../../../model/network.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { put, unchanged } from '../../../../ports/records.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { specsOf, untilWritten, write } from '../../../writing.ts'
import { ownSubnetGroup, subnetsOf } from './find.ts'
import { subnetGroupView } from './view.ts'

/** The nodes that a group has, and those that it will have once its pending change is made. */
const nodesOf = (spec: GroupSpec): readonly NodeSpec[] => [
  ...spec.shards.flatMap((shard) => shard.nodes),
  ...(spec.pending?.memcachedNodes ?? []),
  ...Object.values(spec.pending?.shardNodes ?? {}).flat(),
]

/**
 * A subnet can be taken out only where no node is in it. Nodes know their zone, not their subnet: a subnet is in use where it is
 * the last one of a zone in which a group of this subnet group has a node.
 */
const checkRemoved = async (context: ActionContext, group: SubnetGroupRecord, subnets: readonly Subnet[]): Promise<void> => {
  const left = new Set(subnets.map((subnet) => subnet.zone))
  const lost = group.subnets.filter((subnet) => !left.has(subnet.zone))
  if (lost.length === 0) return
  const users = (await specsOf(context)).filter((spec) => spec.value.subnetGroup === group.name)
  const occupied = new Set(users.flatMap((spec) => nodesOf(spec.value)).map((node) => node.zone))
  const inUse = lost.find((subnet) => occupied.has(subnet.zone))
  if (inUse !== undefined) throw new Fault('SubnetInUse', `The subnet ID: ${inUse.id} is in use.`)
}

export const modifyCacheSubnetGroup: Action<ModifyCacheSubnetGroupMessage, ModifyCacheSubnetGroupResult> = (input, context) =>
  untilWritten(`cache subnet group ${input.CacheSubnetGroupName}`, async () => {
    const record = await ownSubnetGroup(context, requiredText('CacheSubnetGroupName', input.CacheSubnetGroupName))
    const group = record.value
    const ids = input.SubnetIds ?? []
    const wanted = ids.length === 0 ? null : await subnetsOf(context, ids)
    const subnets = wanted?.subnets ?? group.subnets
    if (wanted !== null && wanted.vpcId !== group.vpcId)
      throw new Fault(
        'InvalidSubnet',
        `The subnets must be of the VPC ${group.vpcId} of the group, found those of ${wanted.vpcId}.`,
      )
    await checkRemoved(context, group, subnets)
    const next: SubnetGroupRecord = { ...group, description: input.CacheSubnetGroupDescription || group.description, subnets }
    const [conditions, operations] = [wanted?.conditions ?? [], wanted?.operations ?? []]
    const event = subnetGroupEvents(context.region, group.name).modified()
    if (!(await write(context, [unchanged(record), ...conditions], [put(record.key, next), ...operations], [event]))) return null
    return { CacheSubnetGroup: subnetGroupView(next, context.account) }
  })
