/** A connection to one server or to a cluster, whichever answers. */
import type { Connect } from '../connection/connection.ts'
import { CacheError, isCacheError } from '../errors.ts'
import { openCluster } from './cluster.ts'
import { within } from './deadline.ts'
import { openNode } from './node.ts'
import { type Settings, settingsOf } from './settings.ts'
import { openSingle } from './single.ts'
import type { WireFactory } from './wire.ts'

const nothing = (): void => undefined

/** Asked by a connection of its own: at the address of a cluster any node may answer, a replica too, which nothing else is asked of. */
const askKind = async (factory: WireFactory, settings: Settings, isReplica: boolean): Promise<boolean> => {
  const { url, commandTimeout, connectTimeout } = settings
  const { wire, node } = openNode(
    factory,
    { ...settings.wire, url, track: false, isReplica },
    { commandTimeout, isReplica: true, renew: nothing, onLost: nothing, onInvalidated: nothing },
  )
  try {
    await node.ready(connectTimeout)
    const info = await within(node.call({ key: '', args: ['INFO', 'cluster'] }), commandTimeout)
    return /^cluster_enabled:1/m.test(String(info))
  } finally {
    node.dispose()
    wire.close()
  }
}

const isCluster = (factory: WireFactory, settings: Settings): Promise<boolean> =>
  askKind(factory, settings, false).catch((error: unknown) => {
    if (factory.refusesReplicas !== true || !isCacheError(error, 'unavailable')) throw error
    return askKind(factory, settings, true).catch(() => {
      throw error
    })
  })

export const createConnect =
  (factory: WireFactory): Connect =>
  /** Rejects with `unavailable` where nobody answers at the URL, with `refused` where the user may not, with `usage` where the URL is none. */
  async (options) => {
    const settings = settingsOf(factory, options)
    const { readFrom } = settings
    if (await isCluster(factory, settings)) {
      if (typeof readFrom === 'object')
        throw new CacheError('usage', "expected readFrom to be 'replicas' in cluster mode, found a URL")
      return openCluster(factory, settings)
    }
    if (readFrom === 'replicas')
      throw new CacheError(
        'usage',
        "expected readFrom to have the URLs of replicas, or of a reader endpoint, outside of cluster mode, found 'replicas'",
      )
    const single = openSingle(factory, settings)
    try {
      await single.connected()
      return single
    } catch (error) {
      await single.close()
      throw error
    }
  }
