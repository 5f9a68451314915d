import { Fault } from '../../../errors.ts'
import {
  defaultSecurityGroup,
  defaultSecurityGroupId,
  defaultSecurityGroupName,
  isSecurityGroupId,
  type SecurityGroupName,
  type SecurityGroupRecord,
  securityGroupKey,
  securityGroupNameKey,
} from '../../../model/security-groups.ts'
import { absent, listRecords, readRecord, unchanged } from '../../../ports/records.ts'
import type { Condition } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'

/** A group, and what must hold when a change is written that rests on it. */
export interface FoundGroup {
  readonly key: string
  readonly value: SecurityGroupRecord
  readonly condition: Condition
}

export const notFound = (what: string): Fault =>
  new Fault('InvalidGroup.NotFound', `The security group '${what.slice(0, 300)}' does not exist`)

/** The default group is there also before it is stored. Null: there is none of this id. */
export const readGroup = async (context: ActionContext, id: string): Promise<FoundGroup | null> => {
  if (!isSecurityGroupId(id)) return null
  const key = securityGroupKey(context.region, id)
  const stored = await readRecord<SecurityGroupRecord>(context.store, key)
  if (stored !== null) return { key, value: stored.value, condition: unchanged(stored) }
  if (id !== defaultSecurityGroupId(context.region)) return null
  return { key, value: defaultSecurityGroup(context.region), condition: absent(key) }
}

/** Throws `InvalidGroupId.Malformed`, `InvalidGroup.NotFound`. */
export const groupById = async (context: ActionContext, id: string): Promise<FoundGroup> => {
  if (!isSecurityGroupId(id)) throw new Fault('InvalidGroupId.Malformed', `Invalid id: "${id.slice(0, 100)}"`)
  const found = await readGroup(context, id)
  if (found === null) throw notFound(id)
  return found
}

/** Throws `InvalidGroup.NotFound`. */
export const groupByName = async (context: ActionContext, name: string): Promise<FoundGroup> => {
  if (name === defaultSecurityGroupName) return groupById(context, defaultSecurityGroupId(context.region))
  const index = await readRecord<SecurityGroupName>(context.store, securityGroupNameKey(context.region, name))
  const found = index === null ? null : await readGroup(context, index.value.id)
  if (found === null) throw notFound(name)
  return found
}

/** By `GroupId` or `GroupName`. Throws `MissingParameter`, `InvalidParameterCombination` too. */
export const groupOf = (context: ActionContext, parameters: ReadonlyMap<string, string>): Promise<FoundGroup> => {
  const [id, name] = [parameters.get('GroupId') ?? '', parameters.get('GroupName') ?? '']
  if (id !== '' && name !== '')
    throw new Fault('InvalidParameterCombination', "The parameters 'GroupName' and 'GroupId' may not be used together")
  if (id !== '') return groupById(context, id)
  if (name !== '') return groupByName(context, name)
  throw new Fault('MissingParameter', 'The request must contain the parameter groupName or groupId')
}

/** Every group of the region, by id. */
export const allGroups = async (context: ActionContext): Promise<readonly SecurityGroupRecord[]> => {
  const { records } = await listRecords<SecurityGroupRecord>(context.store, securityGroupKey(context.region, ''))
  const stored = records.map(({ value }) => value)
  const usual = defaultSecurityGroup(context.region)
  const all = stored.some(({ id }) => id === usual.id) ? stored : [...stored, usual]
  return all.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** Has it a rule for this group? */
export const namesGroup = ({ ingress, egress }: SecurityGroupRecord, id: string): boolean =>
  [...ingress, ...egress].some(({ source }) => 'group' in source && source.group === id)
