/** A cache as the application has it: the root, or a namespace with keys and tags of its own. What makes no sense is passed on as it is, to be refused there. */

import { checkAlone, shown, usage } from '../check.ts'
import type { Cache, CacheByName } from './cache.ts'
import { entriesOf, isValues } from './many.ts'
import { between, isPlain, nameOf, textOf } from './names.ts'
import type { WriteBehind, WriteBehindOptions } from './write-behind.ts'

export const viewOf = (cache: CacheByName, path: string): Cache => {
  const own = <T>(text: T): T => (typeof text === 'string' && text !== '' ? (nameOf(path, text) as T) : text)
  const all = <T>(texts: readonly T[]): readonly T[] => (Array.isArray(texts) ? texts.map(own) : texts)
  const plain = (name: string): string => textOf(path, name)
  const areOwn = (texts: readonly string[]): boolean =>
    path === '' && Array.isArray(texts) && texts.every((text) => typeof text === 'string' && isPlain(text))
  const ownTags = <T extends { readonly tags?: readonly string[] }>(options: T | undefined): T | undefined => {
    const tags = options?.tags
    return options === undefined || !Array.isArray(tags) || areOwn(tags) ? options : { ...options, tags: all(tags) }
  }

  const get: Cache['get'] = (key, load, options) => cache.get(own(key), load, ownTags(options))

  const view: Cache = {
    get: path === '' ? cache.nearFirst(get) : get,
    getMany: async (keys, load, options) => {
      if (typeof load !== 'function') return cache.getMany(all(keys), load, options)
      const tags = options?.tags
      const ownOptions = typeof tags === 'function' ? { ...options, tags: (key: string) => all(tags(plain(key))) } : options
      if (areOwn(keys)) return cache.getMany(keys, load, ownOptions)
      const found = await cache.getMany(
        all(keys),
        async (missing, context) => {
          const values = await load(missing.map(plain), context)
          return isValues(values) ? new Map(entriesOf(values).map(([key, value]) => [own(key), value] as const)) : values
        },
        ownOptions,
      )
      return new Map([...found].map(([key, value]) => [plain(key), value]))
    },
    put: (key, value, write, options) => cache.put(own(key), value, write, ownTags(options)),
    invalidate: async (tags, ...behind: readonly unknown[]) => {
      checkAlone('invalidate', 'a list of tags', behind)
      await cache.invalidate(all(tags))
    },
    delete: (...keys) => cache.delete(...all(keys)),
    wrap: (work, how) => {
      const { key, tags } = how ?? {}
      if (typeof key !== 'function') return cache.wrap(work, how)
      return cache.wrap(work, {
        ...how,
        key: (...args) => own(key(...args)),
        ...(typeof tags === 'function' ? { tags: (...args) => all(tags(...args)) } : {}),
      })
    },
    writeBehind: <T>(options: WriteBehindOptions<T>): WriteBehind<T> => {
      const { write, onLost } = options ?? {}
      if (typeof write !== 'function' || typeof onLost !== 'function') return cache.writeBehind(options)
      const behind = cache.writeBehind<T>({
        ...options,
        write: (key, value) => write(plain(key), value),
        onLost: (key, value, error) => onLost(plain(key), value, error),
      })
      return { ...behind, put: (key, value, given) => behind.put(own(key), value, ownTags(given)) }
    },
    namespace: (name, ...behind: readonly unknown[]) => {
      checkAlone('namespace', 'a name', behind)
      if (typeof name !== 'string' || name === '' || name.includes(between) || name.endsWith(':') || !name.isWellFormed())
        throw usage(`a namespace that is a text without ${between}, and not ending with :`, shown(name))
      return viewOf(cache, `${path}${name}${between}`)
    },
    explain: (key, options) => cache.explain(own(key), ownTags(options)),
    counters: () => cache.counters(),
    close: (options) => cache.close(options),
  }
  return view
}
