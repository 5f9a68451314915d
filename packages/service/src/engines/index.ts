import type { EngineName } from '../model/group.ts'
import type { EngineAdapter } from '../ports/engine.ts'
import { memcachedAdapter } from './memcached/adapter.ts'
import { valkeyAdapter } from './valkey/adapter.ts'

const adapters: Readonly<Record<EngineName, EngineAdapter>> = {
  valkey: valkeyAdapter('valkey'),
  redis: valkeyAdapter('redis'),
  memcached: memcachedAdapter,
}

export const adapterFor = (engine: EngineName): EngineAdapter => adapters[engine]
