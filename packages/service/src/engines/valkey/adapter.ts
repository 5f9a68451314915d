import type { EngineAdapter } from '../../ports/engine.ts'
import { knowsItself } from './cluster-file.ts'
import { connect } from './control.ts'
import { damagedFiles, damageWords } from './damage.ts'
import { certificateFiles, controlSocket, render } from './render.ts'

const damaged: EngineAdapter['damageIn'] = (log) => {
  const files = damagedFiles(log)
  return files === null ? null : { files, said: damageWords(log) }
}

/** Valkey and Redis OSS: one adapter, differences are capabilities of their versions. */
export const valkeyAdapter = (engine: 'valkey' | 'redis'): EngineAdapter => ({
  engine,
  render,
  certificateFiles,
  accessFiles: () => null,
  socketsBeside: (socket) => [controlSocket(socket)],
  damageIn: damaged,
  knowsItself,
  connect,
})
