import type { CacheParameterGroupNameMessage, ResetCacheParameterGroupMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { parameterGroupEvents } from '../../../../model/events.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import type { Action } from '../../../action.ts'
import { changeValues, namedParameters } from './change.ts'
import { ownDefinitions } from './definitions.ts'

const checkResettable = (group: ParameterGroupRecord, name: string): void => {
  const definition = ownDefinitions(group.family).find((parameter) => parameter.name === name)
  if (definition === undefined) throw invalidValue(`Parameter ${name} doesn't exist`)
  if (!definition.modifiable) throw invalidValue(`The parameter ${name} cannot be modified.`)
}

/** The parameters that a request resets: all that the group sets, or those that it names. */
const toReset = (input: ResetCacheParameterGroupMessage, group: ParameterGroupRecord): ReadonlySet<string> => {
  const entries = input.ParameterNameValues ?? []
  if (input.ResetAllParameters === true) {
    if (entries.length > 0) throw invalidCombination('ParameterNameValues and ResetAllParameters cannot be used together.')
    return new Set(Object.keys(group.values))
  }
  if (entries.length === 0) throw invalidCombination('Either ParameterNameValues or ResetAllParameters must be provided.')
  const names = new Set(namedParameters(entries).keys())
  for (const name of names) checkResettable(group, name)
  return names
}

export const resetCacheParameterGroup: Action<ResetCacheParameterGroupMessage, CacheParameterGroupNameMessage> = (
  input,
  context,
) =>
  changeValues(context, input.CacheParameterGroupName, (group) => {
    const names = toReset(input, group)
    const events = parameterGroupEvents(context.region, group.name)
    return {
      values: Object.fromEntries(Object.entries(group.values).filter(([name]) => !names.has(name))),
      events: [...names].filter((name) => name in group.values).map((name) => events.parameterReset(name)),
    }
  })
