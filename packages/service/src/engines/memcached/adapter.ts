import type { EngineAdapter } from '../../ports/engine.ts'
import { connect } from './control.ts'
import { render } from './render.ts'

export const memcachedAdapter: EngineAdapter = { engine: 'memcached', render, certificateFiles: () => null, connect }
