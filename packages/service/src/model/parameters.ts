/** Parameters of parameter groups: definitions, checks, effective values. */
import { Fault, invalidValue } from '../errors.ts'
import type { NodeType } from './node-types.ts'
import type { ChangeType, ParameterDefinition } from './parameters/definition.ts'
import { memcachedParameters } from './parameters/memcached.ts'
import { redisParameters } from './parameters/redis.ts'

export type { ParameterDefinition } from './parameters/definition.ts'

const byFamily = new Map<string, ReadonlyMap<string, ParameterDefinition>>()

const familyMap = (family: string): ReadonlyMap<string, ParameterDefinition> => {
  const present = byFamily.get(family)
  if (present !== undefined) return present
  const definitions = [...redisParameters(family), ...memcachedParameters(family)].sort((a, b) => (a.name < b.name ? -1 : 1))
  const map = new Map(definitions.map((definition) => [definition.name, definition]))
  byFamily.set(family, map)
  return map
}

/** Sorted by name; empty for a family that does not exist. */
export const parametersOf = (family: string): readonly ParameterDefinition[] => [...familyMap(family).values()]

const isNumber = (text: string, type: ParameterDefinition['dataType']): boolean =>
  type === 'integer' ? /^-?\d{1,18}$/.test(text) : /^-?\d{1,15}(\.\d{1,9})?$/.test(text)

/** One part of `allowedValues` for numbers: `5`, `-1`, `0-100`, `20-`, `-1-`. */
const inRange = (part: string, value: number): boolean => {
  const match = /^(-?\d+(?:\.\d+)?)(-(\d+(?:\.\d+)?)?)?$/.exec(part)
  if (match === null) return false
  const low = Number(match[1])
  if (match[2] === undefined) return value === low
  return value >= low && (match[3] === undefined || value <= Number(match[3]))
}

const isAllowed = ({ allowedValues, dataType }: ParameterDefinition, value: string): boolean => {
  const parts = allowedValues?.split(',') ?? []
  if (dataType === 'string' || dataType === 'boolean') return allowedValues === undefined || parts.includes(value)
  return isNumber(value, dataType) && (allowedValues === undefined || parts.some((part) => inRange(part, Number(value))))
}

const eventLetters = /^[KEg$lshzxeAtmdnoc]*$/

/** Throws `InvalidParameterValueException`. */
export const checkParameter = (family: string, name: string, value: string): void => {
  const definition = familyMap(family).get(name)
  if (definition === undefined) throw invalidValue(`Could not find parameter with name: ${name.slice(0, 100)}`)
  if (!definition.modifiable) throw invalidValue(`The parameter ${name} cannot be modified.`)
  if (value.length > 1_000 || /[\p{Cc}"]/u.test(value))
    throw invalidValue(`The value of parameter ${name} holds characters that are not allowed, or is too long.`)
  const allowed = name === 'notify-keyspace-events' ? eventLetters.test(value) : isAllowed(definition, value)
  if (!allowed) {
    throw invalidValue(
      `Invalid value '${value.slice(0, 100)}' for parameter ${name}: expected ${definition.allowedValues ?? 'letters of K E g $ l s h z x e A t m d n'}`,
    )
  }
}

/**
 * The value of every parameter on a node of this type. `clusterOn` is what the group is, whatever its parameter group says.
 * Parameters without a value of any kind are left out.
 */
export const effectiveParameters = (
  family: string,
  clusterOn: boolean,
  overrides: Readonly<Record<string, string>>,
  type: NodeType,
): Readonly<Record<string, string>> => {
  const values: Record<string, string> = {}
  for (const definition of familyMap(family).values()) {
    const value = overrides[definition.name] ?? definition.nodeTypeSpecific?.[type.name] ?? definition.value
    if (value !== undefined) values[definition.name] = value
  }
  if ('cluster-enabled' in values) values['cluster-enabled'] = clusterOn ? 'yes' : 'no'
  return values
}

const megabyte = 1024 ** 2
const smallestMemory = 16 * megabyte

/** Bytes that the engine may use for data: what the node type has, less what the parameters reserve. Shape: effective parameters. */
export const maxMemoryBytes = (type: NodeType, parameters: Readonly<Record<string, string>>): number => {
  const overhead = parameters['memcached_connections_overhead']
  if (overhead !== undefined) return Math.max(smallestMemory, type.memoryBytes - Number(overhead) * megabyte)
  const whole = Number(parameters['maxmemory'] ?? type.maxmemory)
  const percent = parameters['reserved-memory-percent']
  const reserved = percent === undefined ? Number(parameters['reserved-memory'] ?? 0) : (whole * Number(percent)) / 100
  return Math.max(smallestMemory, Math.floor(whole - reserved))
}

/** Throws `CacheParameterGroupNotFoundFault` for a family or parameter that does not exist: callers pass what was checked before. */
export const changeTypeOf = (family: string, name: string): ChangeType => {
  const definition = familyMap(family).get(name)
  if (definition === undefined) throw new Fault('CacheParameterGroupNotFoundFault', `Family ${family} has no parameter ${name}.`)
  return definition.change
}
