import type {
  CacheEngineVersion,
  CacheEngineVersionMessage,
  DescribeCacheEngineVersionsMessage,
} from '@aws-sdk/client-elasticache'
import { familyOf } from '../../../model/engine-versions.ts'
import type { EngineName } from '../../../model/group.ts'
import type { InstalledEngine } from '../../../ports/catalog.ts'
import type { Action } from '../../action.ts'
import { pageOf } from '../../paging.ts'

const engineTitles: Readonly<Record<EngineName, string>> = { memcached: 'memcached', redis: 'Redis', valkey: 'Valkey' }

/**
 * A version as AWS lists it: since Redis OSS 6 and for Valkey without the patch (`9.1`), which is also the only form that Terraform
 * takes; Memcached and older Redis OSS whole (`1.6.22`). The description has the whole version.
 */
const listedVersion = ({ engine, version }: InstalledEngine): string => {
  const [major = '', minor = '0'] = version.split('.')
  return engine === 'memcached' || (engine === 'redis' && Number(major) < 6) ? version : `${major}.${minor}`
}

const view = (installed: InstalledEngine): Required<CacheEngineVersion> => ({
  Engine: installed.engine,
  EngineVersion: listedVersion(installed),
  CacheParameterGroupFamily: familyOf(installed.engine, installed.version),
  CacheEngineDescription: engineTitles[installed.engine],
  CacheEngineVersionDescription: `${installed.engine} version ${installed.version}`,
})

const keyOf = (version: CacheEngineVersion): string => `${version.Engine}/${version.EngineVersion}`

/** The first of each key: the catalog lists the newest first. */
const firstOf = <T>(items: readonly T[], key: (item: T) => string): readonly T[] =>
  [...new Map(items.toReversed().map((item) => [key(item), item])).values()].toReversed()

/** Versions match from the left by whole parts: `9` and `9.1` find 9.1.2, `9.1.20` does not. */
const matches = (installed: InstalledEngine, input: DescribeCacheEngineVersionsMessage): boolean => {
  const wanted = input.EngineVersion ?? ''
  return (
    (!input.Engine || installed.engine === input.Engine.toLowerCase()) &&
    (wanted === '' || `${installed.version}.`.startsWith(`${wanted}.`)) &&
    (!input.CacheParameterGroupFamily ||
      familyOf(installed.engine, installed.version) === input.CacheParameterGroupFamily.toLowerCase())
  )
}

/** What can be started on this machine now. With DefaultOnly the newest that matches of each engine. */
export const describeCacheEngineVersions: Action<DescribeCacheEngineVersionsMessage, CacheEngineVersionMessage> = async (
  input,
  context,
) => {
  const found = context.catalog.list().filter((installed) => matches(installed, input))
  const kept = input.DefaultOnly === true ? firstOf(found, (installed) => installed.engine) : found
  const versions = firstOf(kept.map(view), keyOf).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const { items, marker } = pageOf(versions, keyOf, input)
  return { Marker: marker, CacheEngineVersions: [...items] }
}
