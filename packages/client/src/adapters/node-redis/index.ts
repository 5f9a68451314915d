/** The connection by `@redis/client`, to one server or to a cluster, whichever answers. */
import type { Connection, ConnectionOptions } from '../../connection.ts'
import { CacheError } from '../../errors.ts'
import { openCluster } from './cluster.ts'
import { within } from './node.ts'
import { openSingle } from './single.ts'

/** Rejects with `unavailable` where nobody answers at the URL, with `refused` where the user may not, with `usage` where the URL is none. */
export const connectNodeRedis = async (options: ConnectionOptions): Promise<Connection> => {
  const { url, connectTimeout = 2_000 } = options
  const protocol = URL.canParse(url) ? new URL(url).protocol : null
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new CacheError('usage', `expected a url as redis://HOST:PORT or rediss://HOST:PORT, found ${JSON.stringify(url)}`)
  const single = openSingle(options)
  try {
    await within(single.connected(), connectTimeout)
    const [answer] = await single.send([{ key: '', args: ['INFO', 'cluster'] }])
    if (!/^cluster_enabled:1/m.test(String(answer?.value))) return single
  } catch (error) {
    await single.close()
    throw error
  }
  await single.close()
  return openCluster(options)
}
