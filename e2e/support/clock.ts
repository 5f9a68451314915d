/** A clock that a test sets for the service and its engines: dates jump, and what measures durations does not, as where somebody sets that of a machine. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openCatalog } from '../../packages/service/src/engines/catalog.ts'

export interface TestClock extends Disposable {
  readonly environment: NodeJS.ProcessEnv
  /** Ahead of the right time, in days; in force at once. */
  shift(days: number): void
}

const source = fileURLToPath(new URL('./clock.c', import.meta.url))
const daySeconds = 86_400
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

interface Built extends TestClock {
  readonly folder: string
  readonly library: string
}

const build = (): Built | string => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-clock-'))
  const dispose = (): void => rmSync(folder, { recursive: true, force: true })
  const library = join(folder, 'clock.so')
  const shiftFile = join(folder, 'wrong')
  writeFileSync(shiftFile, Buffer.alloc(8))
  const options = ['-shared', '-fPIC', '-O1', `-DWRONG_BY="${shiftFile}"`, '-o', library, source]
  const compiled = spawnSync(process.env['CC'] ?? 'cc', options, { encoding: 'utf8', timeout: 60_000 })
  if (compiled.status !== 0) {
    dispose()
    return `there is no compiler: ${compiled.error?.message ?? compiled.stderr}`
  }
  return {
    folder,
    library,
    environment: { LD_PRELOAD: library },
    shift: (days) => {
      const seconds = Buffer.alloc(8)
      seconds.writeBigInt64LE(BigInt(days * daySeconds))
      // Into the file that they have before them.
      const file = openSync(shiftFile, 'r+')
      writeSync(file, seconds)
      closeSync(file)
    },
    [Symbol.dispose]: dispose,
  }
}

/** For the service alone: an engine has no environment, and so the right time. A string says why there is none: no compiler. */
export const openServiceClock = (): TestClock | string => build()

/** For the service and all that it starts. A string says why there is none: no compiler, or no such Valkey. */
export const openClock = (version: string): TestClock | string => {
  const engine = openCatalog(process.env).find('valkey', version)
  const [loader, ...rest] = engine?.source === 'installed' ? engine.command : []
  if (loader === undefined) return `there is no Valkey ${version} that Larder has installed`
  const clock = build()
  if (typeof clock === 'string') return clock
  // By an option of its loader: an engine has no environment, and keeps its command line.
  const engines = join(clock.folder, 'engines')
  mkdirSync(engines)
  const words = [loader, '--preload', clock.library, ...rest].map(quoted)
  writeFileSync(join(engines, 'valkey-server'), `#!/bin/sh\nexec env -i ${words.join(' ')} "$@"\n`, { mode: 0o755 })
  return { ...clock, environment: { ...clock.environment, LARDER_ENGINE_PATH: engines } }
}
