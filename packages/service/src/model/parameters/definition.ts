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
}

export interface Traits {
  readonly fixed?: boolean
  readonly reboot?: boolean
  /** Version from which the engine knows it. */
  readonly since?: string
  readonly engineName?: string | null
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

export const definitionsOf = (rows: readonly Row[], minimum: string): readonly ParameterDefinition[] =>
  rows.map(([name, value, dataType, allowed, description, traits = {}]) => ({
    name,
    value,
    description,
    source: 'system',
    dataType,
    ...(allowed === null ? {} : { allowedValues: allowed }),
    modifiable: traits.fixed !== true,
    minimumEngineVersion: traits.since ?? minimum,
    change: traits.reboot === true ? 'requires-reboot' : 'immediate',
    engineName: traits.engineName === undefined ? name : traits.engineName,
  }))
