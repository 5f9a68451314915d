import type {
  CacheEngineVersion,
  CacheEngineVersionMessage,
  DescribeCacheEngineVersionsMessage,
} from '@aws-sdk/client-elasticache'
import { compareVersions, familyOf } from '../../../../model/engine-versions.ts'
import type { EngineName } from '../../../../model/group.ts'
import { defaultVersion, isNamed, type Offered, offeredVersions } from '../../../../model/served-versions.ts'
import type { InstalledEngine } from '../../../../ports/catalog.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { pageOf } from '../../../paging.ts'

const engineTitles: Readonly<Record<EngineName, string>> = { memcached: 'memcached', redis: 'Redis', valkey: 'Valkey' }

type Offer = Offered<InstalledEngine>

const description = ({ engine, whole, served }: Offer): string =>
  whole === served.version
    ? `${engine} version ${whole}`
    : `${engine} version ${whole}, served here by ${served.engine} ${served.version}`

const view = (each: Offer): Required<CacheEngineVersion> => ({
  Engine: each.engine,
  EngineVersion: each.version,
  CacheParameterGroupFamily: familyOf(each.engine, each.whole),
  CacheEngineDescription: engineTitles[each.engine],
  CacheEngineVersionDescription: description(each),
})

const keyOf = (version: CacheEngineVersion): string => `${version.Engine}/${version.EngineVersion}`

/** Versions match from the left by whole parts: `9` and `9.1` find 9.1.2, `9.1.20` does not. */
const matches = ({ engine, whole }: Offer, input: DescribeCacheEngineVersionsMessage): boolean =>
  (!input.Engine || engine === input.Engine.toLowerCase()) &&
  (!input.EngineVersion || isNamed(whole, input.EngineVersion)) &&
  (!input.CacheParameterGroupFamily || familyOf(engine, whole) === input.CacheParameterGroupFamily.toLowerCase())

/** Of each engine the version that a request without one gets; where it does not match, the newest that does. */
const defaultsOf = (found: readonly Offer[], { catalog, exactVersions }: ActionContext): readonly Offer[] =>
  [...new Set(found.map(({ engine }) => engine))].flatMap((engine) => {
    const own = found.filter((each) => each.engine === engine).toSorted((a, b) => compareVersions(b.whole, a.whole))
    const usual = defaultVersion(catalog.list(), engine, exactVersions)
    const chosen = own.find(({ whole }) => whole === usual) ?? own[0]
    return chosen === undefined ? [] : [chosen]
  })

/** What can be asked for on this machine now, with the engine that would serve it. */
export const describeCacheEngineVersions: Action<DescribeCacheEngineVersionsMessage, CacheEngineVersionMessage> = async (
  input,
  context,
) => {
  const found = offeredVersions(context.catalog.list(), context.exactVersions).filter((each) => matches(each, input))
  const kept = input.DefaultOnly === true ? defaultsOf(found, context) : found
  const versions = kept.map(view).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const { items, marker } = pageOf(versions, keyOf, input)
  return { Marker: marker, CacheEngineVersions: [...items] }
}
