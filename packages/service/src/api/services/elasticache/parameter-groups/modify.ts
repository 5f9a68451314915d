import type { CacheParameterGroupNameMessage, ModifyCacheParameterGroupMessage } from '@aws-sdk/client-elasticache'
import { invalidValue } from '../../../../errors.ts'
import { parameterGroupEvents } from '../../../../model/events.ts'
import { parametersOf } from '../../../../model/parameters.ts'
import type { Action } from '../../../action.ts'
import { requiredList } from '../../../required.ts'
import { changeValues, namedParameters } from './change.ts'
import { checkValue } from './definitions.ts'

const givenValue = (name: string, value: string | undefined): string => {
  if (value === undefined) throw invalidValue(`The parameter ParameterValue must be provided for ${name}.`)
  return value
}

export const modifyCacheParameterGroup: Action<ModifyCacheParameterGroupMessage, CacheParameterGroupNameMessage> = (
  input,
  context,
) =>
  changeValues(context, input.CacheParameterGroupName, (group) => {
    const named = namedParameters(requiredList('ParameterNameValues', input.ParameterNameValues))
    const wanted = [...named].map(([name, value]) => [name, givenValue(name, value)] as const)
    for (const [name, value] of wanted) checkValue(group.family, name, value)
    const events = parameterGroupEvents(context.region, group.name)
    return {
      values: { ...group.values, ...Object.fromEntries(wanted) },
      events: wanted
        .filter(([name, value]) => group.values[name] !== value)
        .flatMap(([name, value]) => {
          const module = parametersOf(group.family).find((each) => each.name === name)?.module
          const updated = events.parameterUpdated(name, value)
          return module === undefined ? [updated] : [updated, events.withoutEffect(name, module)]
        }),
    }
  })
