/**
 * Second copies of the small files of a home without which running engines cannot be reached: `kept/` has `secrets.json`, `seal.key` and the
 * authority as they were when they last worked. Nothing is read from there but by `larder recover`.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../ports/log.ts'
import { writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

export type KeptName = 'secrets.json' | 'seal.key' | 'ca.crt' | 'ca.key'

/** Where each file works, and where its copy is. */
export const keptFiles = (home: Home): Readonly<Record<KeptName, { readonly path: string; readonly copy: string }>> => {
  const copy = (name: KeptName): string => join(home.keptFolder, name)
  return {
    'secrets.json': { path: home.secretsFile, copy: copy('secrets.json') },
    'seal.key': { path: home.sealKeyFile, copy: copy('seal.key') },
    'ca.crt': { path: join(home.tlsFolder, 'ca.crt'), copy: copy('ca.crt') },
    'ca.key': { path: join(home.tlsFolder, 'ca.key'), copy: copy('ca.key') },
  }
}

/** Null where there is no such file. */
export const textOf = (path: string): string | null => {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  }
}

/**
 * Called when the keys have been read and found to fit. Of the authority, which groups without TLS can do without, `authorityFits` says it: damaged
 * files never take the place of good copies. What cannot be written is told: nothing else may fail for it.
 */
export const keepFiles = (home: Home, log: Log, authorityFits: boolean): void => {
  try {
    mkdirSync(home.keptFolder, { recursive: true, mode: 0o700 })
    const { 'ca.crt': certificate, 'ca.key': key, ...keys } = keptFiles(home)
    for (const { path, copy } of [...Object.values(keys), ...(authorityFits ? [certificate, key] : [])]) {
      const text = textOf(path)
      if (text !== null && text !== textOf(copy)) writePrivateFile(copy, text)
    }
  } catch (error) {
    log('warn', 'second copies of the keys of this home cannot be written', { folder: home.keptFolder, error })
  }
}
