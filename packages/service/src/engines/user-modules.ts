/**
 * Modules that the user brings along, since no archive has them (`libjson.so`, `libsearch.so`, `libvalkey_bloom.so`, …): every `.so` in the folder
 * `LARDER_MODULES`, or in one of its folders that is called after an engine (`valkey-9.1`). Each engine is started with them once: it loads at every
 * start what it could load then, and a file that it cannot load keeps no node from starting.
 */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LarderError } from '../errors.ts'
import { engineCapabilities } from '../model/engine-versions.ts'
import type { Catalog, InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import { loadsBefore, openNativeModule } from './native-module.ts'

const modulesIn = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.so'))
    .toSorted()
    .map((name) => join(folder, name))

/** It would run as this user. */
const canOthersChange = (file: string): boolean => [file, dirname(file)].some((each) => (statSync(each).mode & 0o022) !== 0)

const foldersFor = (folder: string, { engine, version }: InstalledEngine): readonly string[] => {
  const parts = version.split('.')
  const names = [1, 2, 3].map((count) => `${engine}-${parts.slice(0, count).join('.')}`)
  const present = readdirSync(folder)
  return [folder, ...names.filter((name) => present.includes(name)).map((name) => join(folder, name))]
}

/** Throws `usage` where the folder cannot be read. */
const filesFor = (folder: string, engine: InstalledEngine): readonly string[] => {
  try {
    return foldersFor(folder, engine).flatMap(modulesIn)
  } catch (cause) {
    throw new LarderError('usage', `expected LARDER_MODULES to be a folder that can be read, found ${folder}`, { cause })
  }
}

/** The same catalog, whose engines are started with the modules that they can load. Rejects with `usage` or `machine`. */
export const withUserModules = async (catalog: Catalog, environment: NodeJS.ProcessEnv, log: Log): Promise<Catalog> => {
  const setting = environment['LARDER_MODULES']
  if (setting === undefined || setting === '') return catalog
  const folder = resolve(setting)
  const native = await openNativeModule(environment, 'larder-control', [])
  const loaded = new Map<string, readonly string[]>()
  const keyOf = ({ engine, version, path }: InstalledEngine): string => `${engine} ${version} ${path}`
  for (const engine of catalog.list()) {
    if (!engineCapabilities(engine.engine, engine.version).eventLoopModules) continue
    const able: string[] = []
    for (const file of filesFor(folder, engine)) {
      const about = { engine: engine.engine, version: engine.version, file }
      if (canOthersChange(file)) {
        log('warn', 'a module is not loaded, since other users may change it', about)
        continue
      }
      // One needs another that stands before it (search needs json).
      if (await loadsBefore(native, engine, [...able, file])) able.push(file)
      else log('warn', 'an engine cannot load a module', about)
    }
    loaded.set(keyOf(engine), able)
  }
  const given = (engine: InstalledEngine): InstalledEngine => {
    const modules = loaded.get(keyOf(engine)) ?? []
    return modules.length === 0 ? engine : { ...engine, modules }
  }
  return {
    ...catalog,
    list: () => catalog.list().map(given),
    find: (engine, version) => {
      const found = catalog.find(engine, version)
      return found === null ? null : given(found)
    },
  }
}
