/** The module by which engines ask about tokens of IAM (`native/larder-auth.c`). */
import { engineCapabilities } from '../model/engine-versions.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import type { LoginModule } from '../ports/logins.ts'
import { isSameEngine, type NativeModule, openNativeModule } from './native-module.ts'

const asks = ({ engine, version }: InstalledEngine): boolean => engineCapabilities(engine, version).authCallbacks

/** Never rejects: what is missing is told to those who want to log in by IAM. */
export const openLoginModule = async (
  environment: NodeJS.ProcessEnv,
  engines: readonly InstalledEngine[],
  log: Log,
): Promise<LoginModule> => {
  let module: NativeModule | null = null
  let missing: string | null = null
  try {
    module = await openNativeModule(environment, 'larder-auth', engines.filter(asks))
  } catch (error) {
    missing = error instanceof Error ? error.message : String(error)
    log('warn', 'users cannot log in by IAM', { error })
  }
  const able = module?.able ?? []
  return {
    fileFor: (engine) => (able.some((each) => isSameEngine(each, engine)) ? (module?.file ?? null) : null),
    whyNot: (engine, version) => {
      if (missing !== null) return `the module for the engines could not be made: ${missing}`
      if (version === null || able.some((each) => each.engine === engine && each.version === version)) return null
      if (engineCapabilities(engine, version).authCallbacks)
        return `${engine} ${version} of this machine cannot load the module that asks about tokens`
      return `${engine} ${version} has no interface for it; it takes Valkey 7.2 or later, or Redis OSS 7.2 or later`
    },
  }
}
