import type { EngineAdapter } from '../../ports/engine.ts'
import { connect } from './control.ts'
import { certificateFiles, controlSocket, render } from './render.ts'

/** Valkey and Redis OSS: one adapter, differences are capabilities of their versions. */
export const valkeyAdapter = (engine: 'valkey' | 'redis'): EngineAdapter => ({
  engine,
  render,
  certificateFiles,
  accessFiles: () => null,
  socketsBeside: (socket) => [controlSocket(socket)],
  connect,
})
