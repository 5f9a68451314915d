import type { CacheNodeTypeSpecificParameter, CacheParameterGroup, Parameter } from '@aws-sdk/client-elasticache'
import { arn } from '../../../../model/names.ts'
import type { ParameterDefinition } from '../../../../model/parameters.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'

export const parameterGroupView = (group: ParameterGroupRecord, account: string): CacheParameterGroup => ({
  CacheParameterGroupName: group.name,
  CacheParameterGroupFamily: group.family,
  Description: group.description,
  // Global datastores are not there yet.
  IsGlobal: false,
  ARN: arn(group.region, account, 'parametergroup', group.name),
})

/** What both kinds of parameters tell. Members that a definition lacks (`AllowedValues` of a free text) are left out, as on AWS. */
const common = (definition: ParameterDefinition, source: string) => ({
  ParameterName: definition.name,
  Description: definition.description,
  Source: source,
  DataType: definition.dataType,
  ...(definition.allowedValues === undefined ? {} : { AllowedValues: definition.allowedValues }),
  IsModifiable: definition.modifiable,
  MinimumEngineVersion: definition.minimumEngineVersion,
  ChangeType: definition.change,
})

/** `value` is what the group sets; undefined: the default. */
export const parameterView = (definition: ParameterDefinition, value: string | undefined): Parameter => {
  const shown = value ?? definition.value
  return {
    ...common(definition, value === undefined ? definition.source : 'user'),
    ...(shown === undefined ? {} : { ParameterValue: shown }),
  }
}

export const nodeTypeParameterView = (
  definition: ParameterDefinition,
  values: Readonly<Record<string, string>>,
): CacheNodeTypeSpecificParameter => ({
  ...common(definition, definition.source),
  CacheNodeTypeSpecificValues: Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([nodeType, value]) => ({ CacheNodeType: nodeType, Value: value })),
})
