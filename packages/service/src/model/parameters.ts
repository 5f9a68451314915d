/** Parameters of parameter groups: definitions, checks, effective values. */
import { Fault, invalidValue } from '../errors.ts'
import { compareVersions } from './engine-versions.ts'
import type { NodeType } from './node-types.ts'
import type { ChangeType, ParameterDefinition } from './parameters/definition.ts'
import { memcachedParameters, modernParameters } from './parameters/memcached.ts'
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

/** In the one form that every engine reads: `010` and `-0` are numbers to some, and end others at their start. */
const isNumber = (text: string, type: ParameterDefinition['dataType']): boolean =>
  type === 'integer' ? /^(?:0|-?[1-9]\d{0,17})$/.test(text) : /^(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?$/.test(text)

/** One part of `allowedValues` for numbers: `5`, `-1`, `0-100`, `20-`, `-1-`. A range without an end goes to `most`. */
const inRange = (part: string, value: number, most: number): boolean => {
  const match = /^(-?\d+(?:\.\d+)?)(-(\d+(?:\.\d+)?)?)?$/.exec(part)
  if (match === null) return false
  const low = Number(match[1])
  if (match[2] === undefined) return value === low
  return value >= low && value <= (match[3] === undefined ? most : Number(match[3]))
}

const isAllowed = ({ allowedValues, dataType, letters, most }: ParameterDefinition, value: string): boolean => {
  if (letters !== undefined) return [...value].every((letter) => letters.includes(letter))
  const parts = allowedValues?.split(',') ?? []
  if (dataType === 'string' || dataType === 'boolean') return allowedValues === undefined || parts.includes(value)
  return isNumber(value, dataType) && (allowedValues === undefined || parts.some((part) => inRange(part, Number(value), most)))
}

const expected = ({ allowedValues, letters, most }: ParameterDefinition): string => {
  if (letters !== undefined) return `letters of ${letters}`
  // `0-` says nothing of where the engine ends.
  return (allowedValues ?? 'a value').replace(/-$/, `-${most}`)
}

/** Throws `InvalidParameterValueException`. */
export const checkParameter = (family: string, name: string, value: string): void => {
  const definition = familyMap(family).get(name)
  if (definition === undefined) throw invalidValue(`Could not find parameter with name: ${name.slice(0, 100)}`)
  if (!definition.modifiable) throw invalidValue(`The parameter ${name} cannot be modified.`)
  if (definition.refused !== undefined) {
    if (value === definition.value) return
    throw invalidValue(`The parameter ${name} cannot be modified: ${definition.refused}.`)
  }
  if (value.length > 1_000 || /[\p{Cc}"]/u.test(value))
    throw invalidValue(`The value of parameter ${name} holds characters that are not allowed, or is too long.`)
  if (!isAllowed(definition, value)) {
    throw invalidValue(`Invalid value '${value.slice(0, 100)}' for parameter ${name}: expected ${expected(definition)}`)
  }
}

type Values = Readonly<Record<string, string>>

/** With AWS's alias `no_modern` turned off, what it stands for is on, where the user does not say otherwise. */
const modern = (values: Values, overrides: Values): Values =>
  values['no_modern'] === '0' || values['modern'] === '1'
    ? Object.fromEntries(modernParameters.filter((name) => name in values && !(name in overrides)).map((name) => [name, '1']))
    : {}

/**
 * The value of every parameter on a node of this type. `clusterOn` is what the group is, whatever its parameter group says.
 * Parameters without a value of any kind are left out, and those that the engine version is too old for; without a version, those that
 * any version of the family is too old for.
 */
export const effectiveParameters = (
  family: string,
  clusterOn: boolean,
  overrides: Values,
  type: NodeType,
  engineVersion?: string,
): Values => {
  const values: Record<string, string> = {}
  for (const { name, value, nodeTypeSpecific, since } of familyMap(family).values()) {
    if (since !== undefined && (engineVersion === undefined || compareVersions(engineVersion, since) < 0)) continue
    const effective = overrides[name] ?? nodeTypeSpecific?.[type.name] ?? value
    if (effective !== undefined) values[name] = effective
  }
  if ('cluster-enabled' in values) values['cluster-enabled'] = clusterOn ? 'yes' : 'no'
  // AWS shows one figure for all types and gives smaller ones less.
  if ('maxclients' in values) values['maxclients'] = String(type.maxClients)
  // No engine takes a zero; it stands for the engine's own default.
  if (!clusterOn || values['cluster-databases'] === '0') delete values['cluster-databases']
  return { ...values, ...modern(values, overrides) }
}

const megabyte = 1024 ** 2
const smallestMemory = 16 * megabyte

/** Bytes that the engine may use for data: what the node type has, less what the parameters reserve. Shape: effective parameters. */
export const maxMemoryBytes = (type: NodeType, parameters: Readonly<Record<string, string>>): number => {
  const overhead = parameters['memcached_connections_overhead']
  if (overhead !== undefined) return Math.max(smallestMemory, (type.memcachedMegabytes - Number(overhead)) * megabyte)
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
