import { Fault, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { subnetGroupKey } from '../../../../model/keys.ts'
import {
  defaultSubnetGroup,
  defaultSubnetGroupName,
  defaultVpc,
  isSubnetId,
  placeSubnets,
  type Subnet,
} from '../../../../model/network.ts'
import { subnetsInGroup } from '../../../../model/quotas.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { readRecord, type Versioned } from '../../../../ports/records.ts'
import type { Condition, Operation } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { subnets as ec2Subnets, held, readOf } from '../../ec2/resources.ts'

const subnetGroupNotFound = (name: string): Fault =>
  new Fault('CacheSubnetGroupNotFoundFault', `Cache Subnet Group ${name} does not exist.`)

const readStored = async (context: ActionContext, name: string): Promise<Versioned<SubnetGroupRecord> | null> =>
  isStorable(name) ? readRecord<SubnetGroupRecord>(context.store, subnetGroupKey(context.region, name)) : null

/** A subnet group of this name, created or implicit. Throws `CacheSubnetGroupNotFoundFault`. */
export const findSubnetGroup = async (context: ActionContext, name: string): Promise<SubnetGroupRecord> => {
  const wanted = name.toLowerCase()
  if (wanted === defaultSubnetGroupName) return defaultSubnetGroup(context.region, context.account)
  const record = await readStored(context, wanted)
  if (record === null) throw subnetGroupNotFound(name)
  return record.value
}

/** A subnet group that may be changed. Throws `CacheSubnetGroupNotFoundFault`, and `InvalidParameterValueException` for `default`. */
export const ownSubnetGroup = async (context: ActionContext, name: string): Promise<Versioned<SubnetGroupRecord>> => {
  const wanted = name.toLowerCase()
  if (wanted === defaultSubnetGroupName) throw invalidValue(`${defaultSubnetGroupName} is reserved and cannot be modified.`)
  const record = await readStored(context, wanted)
  if (record === null) throw subnetGroupNotFound(name)
  return record
}

/** The subnets of a request, of one VPC, and what must hold when the group is written. */
export interface WantedSubnets {
  readonly vpcId: string
  readonly subnets: readonly Subnet[]
  readonly conditions: readonly Condition[]
  readonly operations: readonly Operation[]
}

/**
 * The subnets of a request with their zones. One that nobody made (model/network.ts) is taken where the setting says so.
 * Throws `InvalidParameterValueException` for one that is not there, `InvalidSubnet` for those of two VPCs, `CacheSubnetQuotaExceededFault`.
 */
export const subnetsOf = async (context: ActionContext, ids: readonly string[]): Promise<WantedSubnets> => {
  const unknown = (): Fault => awsTexts.invalidSubnets(ids)
  if (!ids.every(isSubnetId)) throw unknown()
  const named = [...new Set(ids)]
  if (named.length > subnetsInGroup) {
    throw new Fault(
      'CacheSubnetQuotaExceededFault',
      `A cache subnet group has at most ${subnetsInGroup} subnets, found ${named.length}.`,
    )
  }
  const found = (await Promise.all(named.map((id) => readOf(context, ec2Subnets, id)))).filter((each) => each !== null)
  if (found.length < named.length && context.unknownSubnets === 'refused') throw unknown()
  const usual = defaultVpc(context.region, context.account).id
  const all = new Set([...found.map(({ value }) => value.vpc), ...(found.length < named.length ? [usual] : [])])
  const [vpcId = usual, ...more] = all
  if (more.length > 0)
    throw new Fault(
      'InvalidSubnet',
      `The subnets of a cache subnet group must be of one VPC, found those of ${[...all].join(', ')}.`,
    )
  const holding = found.map(held)
  return {
    vpcId,
    subnets: placeSubnets(
      ids,
      context.region,
      found.map(({ value }) => value),
    ),
    conditions: holding.flatMap(([conditions]) => conditions),
    operations: holding.flatMap(([, operations]) => operations),
  }
}
