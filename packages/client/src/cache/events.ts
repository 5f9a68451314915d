/** What can be seen of a cache. Times are milliseconds. */
export type MissReason =
  | 'absent' // nothing is stored, or it has ended
  | 'expired' // its time is over
  | 'invalidated' // one of its tags was invalidated
  | 'tags' // it was stored with other tags
  | 'epoch' // the server may have lost an invalidation since, in a failover or a restart
  | 'unreadable' // the codec cannot read it

export type CacheEvent =
  | {
      readonly type: 'hit'
      readonly key: string
      readonly where: 'near' | 'server'
      readonly stale: boolean
      readonly time: number
    }
  | { readonly type: 'miss'; readonly key: string; readonly reason: MissReason }
  | { readonly type: 'load'; readonly key: string; readonly time: number; readonly stored: boolean; readonly background: boolean }
  | { readonly type: 'load-failed'; readonly key: string; readonly time: number; readonly error: unknown }
  /** Somebody else was loading it already, in this process or in another. */
  | { readonly type: 'wait'; readonly key: string; readonly where: 'process' | 'server'; readonly time: number }
  /** The source was asked without the cache. */
  | { readonly type: 'bypass'; readonly key: string; readonly reason: 'unavailable' | 'open' | 'writing' | 'pending' }
  | { readonly type: 'put'; readonly key: string; readonly time: number; readonly stored: boolean }
  | { readonly type: 'invalidate'; readonly tags: readonly string[]; readonly time: number }
  /** The server has not answered so often that it is not asked for a while; or it answers again. */
  | { readonly type: 'away' }
  | { readonly type: 'back' }
  /** Nobody is told by a rejection. */
  | { readonly type: 'error'; readonly error: unknown }

export interface Counters {
  readonly hits: number
  readonly nearHits: number
  readonly staleHits: number
  readonly misses: number
  readonly loads: number
  readonly failedLoads: number
  readonly waits: number
  readonly bypasses: number
  readonly puts: number
  readonly invalidations: number
  readonly errors: number
}

export interface Observation {
  count(event: CacheEvent): void
  /** Hits, without the cost of an event where nobody looks. */
  hit(key: string, stale: boolean, time: number): void
  nearHit(key: string): void
  counters(): Counters
}

export const createObservation = (observe: ((event: CacheEvent) => void) | undefined): Observation => {
  const counts = {
    hits: 0,
    nearHits: 0,
    staleHits: 0,
    misses: 0,
    loads: 0,
    failedLoads: 0,
    waits: 0,
    bypasses: 0,
    puts: 0,
    invalidations: 0,
    errors: 0,
  }
  const add = (event: CacheEvent): void => {
    switch (event.type) {
      case 'hit':
        counts.hits += 1
        if (event.stale) counts.staleHits += 1
        return
      case 'miss':
        counts.misses += 1
        return
      case 'load':
        counts.loads += 1
        return
      case 'load-failed':
        counts.loads += 1
        counts.failedLoads += 1
        return
      case 'wait':
        counts.waits += 1
        return
      case 'bypass':
        counts.bypasses += 1
        return
      case 'put':
        counts.puts += 1
        return
      case 'invalidate':
        counts.invalidations += 1
        return
      case 'error':
        counts.errors += 1
    }
  }
  /** Whoever looks on cannot disturb. */
  const tell = (event: CacheEvent): void => {
    try {
      observe?.(event)
    } catch {
      counts.errors += 1
    }
  }
  return {
    count: (event) => {
      add(event)
      tell(event)
    },
    hit: (key, stale, time) => {
      counts.hits += 1
      if (stale) counts.staleHits += 1
      if (observe !== undefined) tell({ type: 'hit', key, where: 'server', stale, time })
    },
    nearHit: (key) => {
      counts.hits += 1
      counts.nearHits += 1
      if (observe !== undefined) tell({ type: 'hit', key, where: 'near', stale: false, time: 0 })
    },
    counters: () => ({ ...counts }),
  }
}
