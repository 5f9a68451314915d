/**
 * The module that gives control a way in which clients can neither close nor fill (`native/larder-control.c`). Without a compiler, and in engines
 * before Redis OSS 7.0, control comes as a client.
 */
import { engineCapabilities } from '../model/engine-versions.ts'
import type { Catalog, InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import { openNativeModule } from './native-module.ts'

/** The same catalog, whose engines are started with the module where they can load it. Never rejects. */
export const withControlModule = async (catalog: Catalog, environment: NodeJS.ProcessEnv, log: Log): Promise<Catalog> => {
  const capable = catalog.list().filter(({ engine, version }) => engineCapabilities(engine, version).eventLoopModules)
  if (capable.length === 0) return catalog
  try {
    const { file, able } = await openNativeModule(environment, 'larder-control', capable)
    for (const { engine, version } of capable.filter((each) => !able.includes(each)))
      log('warn', 'an engine cannot load the module for control, which comes as a client', { engine, version })
    const isAble = ({ engine, version, path }: InstalledEngine): boolean =>
      able.some((each) => each.engine === engine && each.version === version && each.path === path)
    const given = (engine: InstalledEngine): InstalledEngine => (isAble(engine) ? { ...engine, controlModule: file } : engine)
    return {
      ...catalog,
      list: () => catalog.list().map(given),
      find: (engine, version) => {
        const found = catalog.find(engine, version)
        return found === null ? null : given(found)
      },
    }
  } catch (error) {
    log('warn', 'control comes to engines as a client, whom other clients can hinder', { error })
    return catalog
  }
}
