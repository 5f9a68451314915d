import { Fault, invalidValue } from '../../../../errors.ts'
import { parameterGroupKey } from '../../../../model/keys.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import { listRecords, readRecord, type Versioned } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { defaultParameterGroups } from './defaults.ts'

/** The parameter groups that were created. Default groups are not among them: they are everywhere and stored nowhere. */
export const storedParameterGroups = async (context: ActionContext): Promise<readonly ParameterGroupRecord[]> =>
  (await listRecords<ParameterGroupRecord>(context.store, parameterGroupKey(context.region, ''))).records.map(
    (record) => record.value,
  )

const defaultGroup = (context: ActionContext, name: string): ParameterGroupRecord | undefined =>
  defaultParameterGroups(context.region).find((group) => group.name === name)

const readStored = async (context: ActionContext, name: string): Promise<Versioned<ParameterGroupRecord> | null> =>
  isStorable(name) ? readRecord<ParameterGroupRecord>(context.store, parameterGroupKey(context.region, name)) : null

/** A parameter group of this name, created or default. Throws `CacheParameterGroupNotFoundFault`. */
export const findParameterGroup = async (context: ActionContext, name: string): Promise<ParameterGroupRecord> => {
  const wanted = name.toLowerCase()
  const implicit = defaultGroup(context, wanted)
  if (implicit !== undefined) return implicit
  const record = await readStored(context, wanted)
  if (record === null) throw new Fault('CacheParameterGroupNotFoundFault', `CacheParameterGroup ${name} not found.`)
  return record.value
}

/**
 * A parameter group that may be changed. Throws `CacheParameterGroupNotFoundFault`. For a default group it throws
 * `InvalidParameterValueException`, as AWS does (to its changing operations a name with dots is no name at all).
 */
export const ownParameterGroup = async (context: ActionContext, name: string): Promise<Versioned<ParameterGroupRecord>> => {
  const wanted = name.toLowerCase()
  if (defaultGroup(context, wanted) !== undefined) {
    throw invalidValue(`The parameter group ${wanted} is a default group. Default groups can be neither modified nor deleted.`)
  }
  const record = await readStored(context, wanted)
  if (record === null) throw new Fault('CacheParameterGroupNotFoundFault', `CacheParameterGroup not found: ${name}`)
  return record
}
