/** The module by which engines ask about tokens of IAM (see native-module.ts for where it comes from). */
import { engineCapabilities } from '../model/engine-versions.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import type { LoginModule } from '../ports/logins.ts'
import { compiledModule, isAble, isSameEngine, modulesFolder, run } from './native-module.ts'

const trialDeadlineMs = 10_000
/** `TRIAL_STATUS` in the source. */
const trialStatus = 77

const asks = ({ engine, version }: InstalledEngine): boolean => engineCapabilities(engine, version).authCallbacks

const canLoad = (file: string, folder: string, engine: InstalledEngine): Promise<boolean> =>
  isAble(file, engine, async () => {
    const [program = '', ...args] = engine.command
    const trial = ['--port', '0', '--save', '', '--loadmodule', file, 'trial']
    return (await run(program, [...args, ...trial], folder, trialDeadlineMs)).status === trialStatus
  })

/** Never rejects: what is missing is told to those who want to log in by IAM. */
export const openLoginModule = async (
  environment: NodeJS.ProcessEnv,
  engines: readonly InstalledEngine[],
  log: Log,
): Promise<LoginModule> => {
  let file: string | null = null
  let missing: string | null = null
  const able: InstalledEngine[] = []
  try {
    const compiled = await compiledModule('larder-auth', environment)
    file = compiled
    const capable = engines.filter(asks)
    const tried = await Promise.all(capable.map((engine) => canLoad(compiled, modulesFolder(environment), engine)))
    for (const [index, engine] of capable.entries()) if (tried[index]) able.push(engine)
  } catch (error) {
    missing = error instanceof Error ? error.message : String(error)
    log('warn', 'users cannot log in by IAM', { error })
  }
  return {
    fileFor: (engine) => (able.some((each) => isSameEngine(each, engine)) ? file : null),
    whyNot: (engine, version) => {
      if (missing !== null) return `the module for the engines could not be made: ${missing}`
      if (version === null || able.some((each) => each.engine === engine && each.version === version)) return null
      if (engineCapabilities(engine, version).authCallbacks)
        return `${engine} ${version} of this machine cannot load the module that asks about tokens`
      return `${engine} ${version} has no interface for it; it takes Valkey 7.2 or later, or Redis OSS 7.2 or later`
    },
  }
}
