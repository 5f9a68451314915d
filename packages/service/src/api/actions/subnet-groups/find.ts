import { Fault, invalidValue } from '../../../errors.ts'
import { awsTexts } from '../../../model/aws-texts.ts'
import { subnetGroupKey } from '../../../model/keys.ts'
import {
  defaultSubnetGroup,
  defaultSubnetGroupName,
  defaultVpc,
  isSubnetId,
  placeSubnets,
  type Subnet,
} from '../../../model/network.ts'
import { subnetsInGroup } from '../../../model/quotas.ts'
import type { SubnetGroupRecord } from '../../../model/records.ts'
import { listRecords, readRecord, type Versioned } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { isStorable } from '../../names.ts'

/** The subnet groups that were created, by name. The group `default` is not among them: it is everywhere and stored nowhere. */
export const storedSubnetGroups = async (context: ActionContext): Promise<readonly SubnetGroupRecord[]> =>
  (await listRecords<SubnetGroupRecord>(context.store, subnetGroupKey(context.region, ''))).records.map((record) => record.value)

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

/**
 * The subnets of a request with their zones (see model/network.ts). Throws `InvalidParameterValueException` for an id that cannot be
 * one, as AWS does for one that it does not know, and `CacheSubnetQuotaExceededFault`.
 */
export const subnetsOf = async (context: ActionContext, ids: readonly string[]): Promise<readonly Subnet[]> => {
  if (!ids.every(isSubnetId)) throw awsTexts.invalidSubnets(ids)
  const count = new Set(ids).size
  if (count > subnetsInGroup) {
    throw new Fault(
      'CacheSubnetQuotaExceededFault',
      `A cache subnet group has at most ${subnetsInGroup} subnets, found ${count}.`,
    )
  }
  const known = (await storedSubnetGroups(context)).flatMap((group) => group.subnets)
  return placeSubnets(ids, context.region, [...known, ...defaultVpc(context.region, context.account).subnets])
}
