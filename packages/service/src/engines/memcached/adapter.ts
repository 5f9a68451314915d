import type { EngineAdapter } from '../../ports/engine.ts'
import { accessFiles } from './access.ts'
import { connect } from './control.ts'
import { certificateFiles, render } from './render.ts'

export const memcachedAdapter: EngineAdapter = {
  engine: 'memcached',
  render,
  certificateFiles,
  accessFiles,
  socketsBeside: () => [],
  damageIn: () => null, // it keeps nothing on disk
  knowsItself: () => true,
  connect,
}
