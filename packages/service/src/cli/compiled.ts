/** What makes a start short: sources that were compiled before, and found without asking the disk where they are. */
import { registerHooks } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where the compiled form of the sources is kept, for all homes of this user: beside the engines, never in a folder that others may write. */
export const compiledFolder = (environment: NodeJS.ProcessEnv): string =>
  join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'larder', 'compiled')

/**
 * Sources name each other by their path, with its ending: nothing has to be looked for. Node else asks for each of some 300 files whether it is there, whether
 * it is a link, and which package it belongs to (a quarter of what loading costs).
 */
export const findSourcesByName = (): void => {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier.startsWith('.') && specifier.endsWith('.ts') && context.parentURL !== undefined
        ? { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
        : next(specifier, context),
  })
}
