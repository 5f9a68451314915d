/** A connection to one server or to a cluster, whichever answers. */
import type { Connect } from '../connection.ts'
import { CacheError } from '../errors.ts'
import { openCluster } from './cluster.ts'
import { settingsOf } from './settings.ts'
import { openSingle } from './single.ts'
import type { WireFactory } from './wire.ts'

export const createConnect =
  (factory: WireFactory): Connect =>
  /** Rejects with `unavailable` where nobody answers at the URL, with `refused` where the user may not, with `usage` where the URL is none. */
  async (options) => {
    const settings = settingsOf(factory, options)
    const { readFrom } = settings
    const single = openSingle(factory, settings)
    try {
      await single.connected()
      const [answer] = await single.send([{ key: '', args: ['INFO', 'cluster'] }])
      if (!/^cluster_enabled:1/m.test(String(answer?.value))) {
        if (readFrom === 'replicas')
          throw new CacheError(
            'usage',
            "expected readFrom to have the URLs of replicas, or of a reader endpoint, outside of cluster mode, found 'replicas'",
          )
        return single
      }
      if (typeof readFrom === 'object')
        throw new CacheError('usage', "expected readFrom to be 'replicas' in cluster mode, found a URL")
    } catch (error) {
      await single.close()
      throw error
    }
    await single.close()
    return openCluster(factory, settings)
  }
