/**
 * Parameters of the Redis OSS and Valkey families. Sources: AWS's page on engine-specific parameters, the answers of
 * DescribeEngineDefaultParameters that AWS publishes, and the engines' own configuration for what they take.
 *
 * Larder differs from AWS in these points:
 * - `appendonly` and `appendfsync` can be modified in every family, for whoever wants a cache that survives; AWS fixes them since 2.8.22.
 * - `activerehashing` is shown and can be modified in every family; AWS hides it since Redis OSS 7.
 * - `rename-commands` is shown as AWS has it, and keeps its default.
 */
import { allNodeTypes, type NodeType } from '../node-types.ts'
import { definitionsOf, type ParameterDefinition, type Row } from './definition.ts'
import { redis26, redis28, redis32, redis40 } from './redis-2.ts'
import { redis50, redis60, redis70 } from './redis-5.ts'
import { valkey7, valkey8, valkey9 } from './valkey.ts'

interface Family {
  readonly minimum: string
  readonly rows: readonly Row[]
  /** What replicas were called at the time. */
  readonly replica: 'slave' | 'replica'
}

const families: Readonly<Record<string, Family>> = {
  'redis2.6': { minimum: '2.6.13', rows: redis26, replica: 'slave' },
  'redis2.8': { minimum: '2.8.6', rows: redis28, replica: 'slave' },
  'redis3.2': { minimum: '3.2.4', rows: redis32, replica: 'slave' },
  'redis4.0': { minimum: '4.0.10', rows: redis40, replica: 'slave' },
  'redis5.0': { minimum: '5.0.0', rows: redis50, replica: 'replica' },
  'redis6.x': { minimum: '6.0.5', rows: redis60, replica: 'replica' },
  redis7: { minimum: '7.0.4', rows: redis70, replica: 'replica' },
  valkey7: { minimum: '7.2.6', rows: valkey7, replica: 'replica' },
  valkey8: { minimum: '8.0.1', rows: valkey8, replica: 'replica' },
  valkey9: { minimum: '9.0.0', rows: valkey9, replica: 'replica' },
}

const ofNodeType = (
  name: string,
  description: string,
  minimum: string,
  engineName: string | null,
  figureOf: (type: NodeType) => number,
): ParameterDefinition => ({
  name,
  description,
  source: 'system',
  dataType: 'integer',
  allowedValues: '0-',
  modifiable: false,
  minimumEngineVersion: minimum,
  change: 'immediate',
  nodeTypeSpecific: Object.fromEntries(allNodeTypes.map((type) => [type.name, String(figureOf(type))])),
  engineName,
  most: Number.MAX_SAFE_INTEGER,
})

const replicaBuffer = (limit: 'hard' | 'soft', { minimum, replica }: Family): ParameterDefinition => {
  const name = `client-output-buffer-limit-${replica}-${limit}-limit`
  const title = replica === 'slave' ? 'Slave' : 'Replica'
  return ofNodeType(
    name,
    `${title} client output buffer ${limit} limit in bytes.`,
    minimum,
    replica === 'slave' ? null : name,
    (type) => type.replicaBuffer,
  )
}

const maxmemory = 'The maximum configurable amount of memory to use to store items, in bytes.'

export const redisParameters = (name: string): readonly ParameterDefinition[] => {
  const family = families[name]
  if (family === undefined) return []
  return [
    ...definitionsOf(family.rows, family.minimum),
    ofNodeType('maxmemory', maxmemory, family.minimum, null, (type) => type.maxmemory),
    replicaBuffer('hard', family),
    replicaBuffer('soft', family),
  ]
}
