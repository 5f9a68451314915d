import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { allNodeTypes, isTiered, type NodeType, nodeType, scalingTargets } from '../../../../model/node-types.ts'
import { requiredText } from '../../../required.ts'

/** Throws `InvalidParameterValueException`. */
export const knownNodeType = (value: string | undefined): NodeType => {
  const name = requiredText('CacheNodeType', value)
  const found = nodeType(name)
  if (found === null)
    throw invalidValue(`Invalid cache node type: ${name.slice(0, 100)}. Known are types like cache.t4g.small or cache.r7g.large.`)
  return found
}

export interface AllowedNodeTypes {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/**
 * What a group can be scaled to. Types of another family with the same memory count as up.
 * AWS leaves out smaller types that could not hold what is in memory; the API does not ask the engines, so they are listed here.
 */
export const allowedNodeTypes = (name: string): AllowedNodeTypes => {
  const { up, down } = scalingTargets(name, 0)
  const current = nodeType(name)
  const alike = allNodeTypes.filter(
    (type) =>
      current !== null &&
      type.currentGeneration &&
      type.name !== name &&
      type.maxmemory === current.maxmemory &&
      isTiered(type) === isTiered(current),
  )
  return { up: [...new Set([...up, ...alike.map((type) => type.name)])].sort(), down }
}

/** A node type in a modification; null where the request names none. Throws `InvalidParameterValueException` and `…Combination…`. */
export const scaledNodeType = (present: string, value: string | undefined): string | null => {
  if (value === undefined || value === '') return null
  const wanted = knownNodeType(value).name
  if (wanted === present) return wanted
  const { up, down } = allowedNodeTypes(present)
  if (up.includes(wanted) || down.includes(wanted)) return wanted
  throw invalidCombination(
    `Cannot scale from ${present} to ${wanted}. ListAllowedNodeTypeModifications tells what can be scaled to.`,
  )
}
