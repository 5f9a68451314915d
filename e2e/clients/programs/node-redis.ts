/** `@redis/client`, with its defaults; in RESP3 with a cache in the client, whose values are held against what was written. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient, createCluster } from '@redis/client'
import { tell, wanted, write } from './writing.ts'

const { host, port, kind, password, key: seen } = wanted
const nearCache = process.argv[3] === 'near-cache'
/** How long a write of another connection may stay unseen. */
const staleMs = 1_000

const secure = kind === 'tls' ? ({ tls: true, ca: readFileSync(wanted.ca) } as const) : {}
const cache = { ttl: 0, maxEntries: 100, evictPolicy: 'LRU' } as const
const open = async (cached: boolean) => {
  const protocol = nearCache ? { RESP: 3 as const, ...(cached ? { clientSideCache: cache } : {}) } : { RESP: 2 as const }
  const client =
    kind === 'cme'
      ? createCluster({ rootNodes: [{ socket: { host, port } }], ...protocol })
      : createClient({ socket: { host, port, ...secure }, ...(kind === 'tls' ? { password } : {}), ...protocol })
  client.on('error', () => undefined) // a write that fails tells it
  await client.connect()
  return client
}

const writer = await open(false)
const reader = nearCache ? await open(true) : null
let hits = 0

/** What another connection wrote is seen soon, through the cache. */
const look = async (number: number): Promise<void> => {
  if (reader === null) return
  const until = performance.now() + staleMs
  await writer.set(seen, String(number))
  for (let looks = 0; Number(await reader.get(seen)) < number; looks += 1) {
    if (performance.now() > until) {
      tell({ stale: number })
      return
    }
    if (looks > 0) await delay(1)
  }
  hits += 1
  if (hits % 100 === 0) tell({ looked: hits })
}

await write(async (key, number) => {
  await writer.hSet(key, String(number), '1')
  await look(number)
})
