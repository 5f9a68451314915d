/** The same cache with keys and tags of its own. */
import type { Cache } from './cache.ts'
import { CacheError } from './errors.ts'
import type { WriteBehind, WriteBehindOptions } from './write-behind.ts'

const separator = '::'

export const withPrefix = (cache: Cache, name: string): Cache => {
  if (name === '' || name.includes(separator) || name.endsWith(':'))
    throw new CacheError(
      'usage',
      `expected a namespace that is a text without ${separator}, and not ending with :, found ${JSON.stringify(name)}`,
    )
  const own = (text: string): string => `${name}${separator}${text}`
  const ownTags = <T extends { readonly tags?: readonly string[] }>(options: T | undefined): T | undefined =>
    options?.tags === undefined ? options : { ...options, tags: options.tags.map(own) }
  const view: Cache = {
    get: (key, load, options) => cache.get(own(key), load, ownTags(options)),
    getMany: async (keys, load, options = {}) => {
      const { tags, ...rest } = options
      const plain = (key: string): string => key.slice(name.length + separator.length)
      const found = await cache.getMany(
        keys.map(own),
        async (missing, context) => {
          const values = await load(missing.map(plain), context)
          const pairs = values instanceof Map ? [...values] : Object.entries(values)
          return new Map(pairs.map(([key, value]) => [own(key), value] as const))
        },
        tags === undefined ? rest : { ...rest, tags: (key) => tags(plain(key)).map(own) },
      )
      return new Map([...found].map(([key, value]) => [plain(key), value]))
    },
    put: (key, value, write, options) => cache.put(own(key), value, write, ownTags(options)),
    invalidate: (tags) => cache.invalidate(tags.map(own)),
    delete: (...keys) => cache.delete(...keys.map(own)),
    wrap: (work, { key, tags, ...options }) =>
      cache.wrap(work, {
        ...options,
        key: (...args) => own(key(...args)),
        ...(tags === undefined ? {} : { tags: (...args) => tags(...args).map(own) }),
      }),
    writeBehind: <T>({ write, onLost, ...options }: WriteBehindOptions<T>): WriteBehind<T> => {
      const plain = (key: string): string => key.slice(name.length + separator.length)
      const behind = cache.writeBehind<T>({
        ...options,
        write: (key, value) => write(plain(key), value),
        onLost: (key, value, error) => onLost(plain(key), value, error),
      })
      return {
        ...behind,
        put: (key: string, value: T, given?: { readonly ttl?: number; readonly tags?: readonly string[] }) =>
          behind.put(own(key), value, ownTags(given)),
      }
    },
    namespace: (inner) => withPrefix(view, inner),
    explain: (key, options) => cache.explain(own(key), ownTags(options)),
    counters: () => cache.counters(),
    close: (options) => cache.close(options),
  }
  return view
}
