import { compareVersions } from '../engine-versions.ts'

export type DataType = 'string' | 'integer' | 'float' | 'boolean'
export type ChangeType = 'immediate' | 'requires-reboot'

export interface ParameterDefinition {
  readonly name: string
  /** The default; undefined where it depends on the node type (`nodeTypeSpecific`). */
  readonly value?: string
  readonly description: string
  readonly source: 'system' | 'engine-default'
  readonly dataType: DataType
  /** As AWS writes it: `yes,no`, `0-100`, `1-`, a list; undefined: free text. */
  readonly allowedValues?: string
  readonly modifiable: boolean
  readonly minimumEngineVersion: string
  readonly change: ChangeType
  /** Value for each node type. */
  readonly nodeTypeSpecific?: Readonly<Record<string, string>>
  /** The engine's own name for it; null: it is AWS's, and the engine does not know it. */
  readonly engineName: string | null
  /** Where older versions of the family do not know it: the version from which on it is there. */
  readonly since?: string
  /** Largest number that the engine holds, for ranges without an end. */
  readonly most: number
  /** Free text: the only letters that it may have. */
  readonly letters?: string
  /** Why no value but the default can be set here, although AWS lets it be set. */
  readonly refused?: string
  /** It is of a module that AWS has in its engines. It is taken and shown as there, and has no effect. */
  readonly module?: string
}

export interface Traits {
  readonly fixed?: boolean
  readonly reboot?: boolean
  /** Version from which the engine knows it. */
  readonly since?: string
  readonly engineName?: string | null
  /** The engine holds it in 64 bits, not in 32. */
  readonly wide?: boolean
  readonly letters?: string
  readonly refused?: string
  readonly module?: string
}

/** One line of a table: name, default, type, allowed values, description, traits. */
export type Row = readonly [
  name: string,
  value: string,
  type: DataType,
  allowed: string | null,
  description: string,
  traits?: Traits,
]

/** The rows of the next generation: those that it removes are left out, those that it changes or adds are in. */
export const extended = (base: readonly Row[], rows: readonly Row[], removed: readonly string[] = []): readonly Row[] => {
  const gone = new Set([...removed, ...rows.map(([name]) => name)])
  return [...base.filter(([name]) => !gone.has(name)), ...rows]
}

/** `minimum` is the first version of the family. */
export const definitionsOf = (rows: readonly Row[], minimum: string): readonly ParameterDefinition[] =>
  rows.map(([name, value, dataType, allowed, description, traits = {}]) => {
    const { fixed, reboot, engineName, wide, letters, refused, module } = traits
    const since = traits.since !== undefined && compareVersions(traits.since, minimum) > 0 ? traits.since : undefined
    return {
      name,
      value,
      description,
      source: 'system',
      dataType,
      ...(allowed === null ? {} : { allowedValues: allowed }),
      modifiable: fixed !== true,
      minimumEngineVersion: since ?? minimum,
      change: reboot === true ? 'requires-reboot' : 'immediate',
      engineName: engineName === undefined ? name : engineName,
      ...(since === undefined ? {} : { since }),
      most: wide === true ? Number.MAX_SAFE_INTEGER : 2 ** 31 - 1,
      ...(letters === undefined ? {} : { letters }),
      ...(refused === undefined ? {} : { refused }),
      ...(module === undefined ? {} : { module }),
    }
  })
