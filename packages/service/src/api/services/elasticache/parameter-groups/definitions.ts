import { invalidValue } from '../../../../errors.ts'
import { checkParameter, type ParameterDefinition, parametersOf } from '../../../../model/parameters.ts'

/**
 * Cluster mode is what a group of nodes is built as. In the defaults of a family its switch is fixed; in a group that a user made it
 * can be set, as Terraform configurations do, until the first group of nodes uses it (see change.ts).
 */
export const clusterSwitch = 'cluster-enabled'

/** The parameters of a group that a user made. */
export const ownDefinitions = (family: string): readonly ParameterDefinition[] =>
  parametersOf(family).map((definition) => (definition.name === clusterSwitch ? { ...definition, modifiable: true } : definition))

const hasSwitch = (family: string): boolean => parametersOf(family).some((definition) => definition.name === clusterSwitch)

/** May a group that a user made have this value? Throws `InvalidParameterValueException`. */
export const checkValue = (family: string, name: string, value: string): void => {
  if (name !== clusterSwitch || !hasSwitch(family)) checkParameter(family, name, value)
  else if (value !== 'yes' && value !== 'no') {
    throw invalidValue(`Invalid value '${value.slice(0, 100)}' for parameter ${name}: expected yes,no`)
  }
}
