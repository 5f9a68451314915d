import type {
  CacheParameterGroupDetails,
  DescribeCacheParametersMessage,
  DescribeEngineDefaultParametersMessage,
  DescribeEngineDefaultParametersResult,
} from '@aws-sdk/client-elasticache'
import { invalidValue } from '../../../../errors.ts'
import { type ParameterDefinition, parametersOf } from '../../../../model/parameters.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import type { Action } from '../../../action.ts'
import { byName, type PageRequest, pageOf } from '../../../paging.ts'
import { requiredText } from '../../../required.ts'
import { isDefaultGroup } from './defaults.ts'
import { ownDefinitions } from './definitions.ts'
import { familyNamed } from './families.ts'
import { findParameterGroup } from './find.ts'
import { nodeTypeParameterView, parameterView } from './view.ts'

const sources: readonly string[] = ['user', 'system', 'engine-default']

const shows = (definition: ParameterDefinition, set: boolean, source: string | undefined): boolean =>
  source === undefined || source === (set ? 'user' : definition.source)

/** Both kinds of parameters share one order by name and one page: a page of 25 may hold 22 of the one and 3 of the other. */
const parameterPage = (
  definitions: readonly ParameterDefinition[],
  values: ParameterGroupRecord['values'],
  source: string | undefined,
  request: PageRequest,
): CacheParameterGroupDetails => {
  const shown = definitions.filter((definition) => shows(definition, definition.name in values, source)).sort(byName)
  const { items, marker } = pageOf(shown, (definition) => definition.name, request)
  const ofNodeType = (definition: ParameterDefinition): boolean =>
    definition.nodeTypeSpecific !== undefined && !(definition.name in values)
  return {
    Marker: marker,
    Parameters: items.filter((each) => !ofNodeType(each)).map((each) => parameterView(each, values[each.name])),
    CacheNodeTypeSpecificParameters: items
      .filter(ofNodeType)
      .map((each) => nodeTypeParameterView(each, each.nodeTypeSpecific ?? {})),
  }
}

export const describeCacheParameters: Action<DescribeCacheParametersMessage, CacheParameterGroupDetails> = async (
  input,
  context,
) => {
  const name = requiredText('CacheParameterGroupName', input.CacheParameterGroupName)
  const source = input.Source === '' ? undefined : input.Source
  if (source !== undefined && !sources.includes(source)) {
    throw invalidValue(`Invalid value ${source} for Source. Must be one of ${sources.join(', ')}.`)
  }
  const group = await findParameterGroup(context, name)
  const definitions = isDefaultGroup(group) ? parametersOf(group.family) : ownDefinitions(group.family)
  return parameterPage(definitions, group.values, source, input)
}

export const describeEngineDefaultParameters: Action<
  DescribeEngineDefaultParametersMessage,
  DescribeEngineDefaultParametersResult
> = async (input) => {
  const family = familyNamed(input.CacheParameterGroupFamily)
  return { EngineDefaults: { CacheParameterGroupFamily: family, ...parameterPage(parametersOf(family), {}, undefined, input) } }
}
