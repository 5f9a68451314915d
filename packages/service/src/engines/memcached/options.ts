/**
 * From parameters of a parameter group to Memcached's command line. Pure. Source: `memcached -h`, and memcached.c for what it refuses.
 *
 * AWS allows values, alone or together, with which the program ends at the start. Those are brought to the nearest that it takes:
 * a cache that is a little different is of more use than none.
 */
import { compareVersions } from '../../model/engine-versions.ts'
import { parametersOf } from '../../model/parameters.ts'

type Parameters = Readonly<Record<string, string>>

const megabyte = 1024 ** 2
const kilobyte = 1024
const pageBytes = megabyte

/** A letter of the command line, or a word of `-o`. */
const engineNames = new Map(parametersOf('memcached1.6').map((definition) => [definition.name, definition.engineName]))

const number = (parameters: Parameters, name: string, otherwise: number): number => Number(parameters[name] ?? otherwise)

/** An item is at most half of the memory, and a whole number of chunks. */
const itemBytes = (parameters: Parameters, memoryBytes: number): number => {
  const wanted = Math.min(number(parameters, 'max_item_size', megabyte), memoryBytes / 2)
  return Math.max(kilobyte, Math.floor(wanted / kilobyte) * kilobyte)
}

/** The largest power of two up to the wanted one of which an item and a page are both whole multiples. */
const chunkBytes = (wanted: number, item: number): number => {
  let chunk = pageBytes
  while (chunk > kilobyte && (chunk > wanted || item % chunk !== 0)) chunk /= 2
  return chunk
}

/** Hot and warm share the memory with the cold part, which keeps at least a fifth. */
const lruShares = (parameters: Parameters): readonly [hot: number, warm: number] => {
  const hot = Math.min(79, number(parameters, 'hot_lru_pct', 20))
  return [hot, Math.min(79, 80 - hot, number(parameters, 'warm_lru_pct', 40))]
}

/** The parameters with values that the program takes together. */
export const acceptable = (parameters: Parameters, memoryBytes: number): Parameters => {
  const item = itemBytes(parameters, memoryBytes)
  const [hot, warm] = lruShares(parameters)
  const present = {
    max_item_size: String(item),
    slab_chunk_max: String(chunkBytes(number(parameters, 'slab_chunk_max', pageBytes / 2), item)),
    chunk_size_growth_factor: String(Math.max(1.01, number(parameters, 'chunk_size_growth_factor', 1.25))),
    hot_lru_pct: String(hot),
    warm_lru_pct: String(warm),
    // A time to live of its own needs the thread that looks after the lists.
    temporary_ttl: parameters['lru_maintainer'] === '0' ? '0' : (parameters['temporary_ttl'] ?? '0'),
  }
  // A version of before it had chunks does not name them, and the engine that serves it has them.
  const isTold = (name: string): boolean => name in parameters || (name === 'slab_chunk_max' && 'max_item_size' in parameters)
  return { ...parameters, ...Object.fromEntries(Object.entries(present).filter(([name]) => isTold(name))) }
}

const switches: ReadonlySet<string> = new Set(['C', 'M', 'F'])

const letterArguments = (letter: string, value: string): readonly string[] => {
  if (switches.has(letter)) return value === '1' ? [`-${letter}`] : []
  return [`-${letter}`, value]
}

/** Words of `-o` that are switches, with the form that turns them off. */
const words: Readonly<Record<string, readonly [on: string | null, off: string | null]>> = {
  lru_crawler: ['lru_crawler', 'no_lru_crawler'],
  lru_maintainer: ['lru_maintainer', 'no_lru_maintainer'],
  maxconns_fast: ['maxconns_fast', 'no_maxconns_fast'],
  slab_reassign: ['slab_reassign', 'no_slab_reassign'],
  track_sizes: ['track_sizes', null],
}

/** Up to 1.6.39 this option is also read as the list of slab sizes, and every item then takes half a megabyte. */
const workerLogSince = '1.6.40'

const wordOption = (word: string, value: string, version: string): string | null => {
  const pair = words[word]
  if (pair !== undefined) return value === '1' ? pair[0] : pair[1]
  if (word === 'temporary_ttl' && value === '0') return null
  if (word === 'worker_logbuf_size' && compareVersions(version, workerLogSince) < 0) return null
  return `${word}=${value}`
}

interface Limits {
  readonly memoryBytes: number
  readonly version: string
  /** Open files that the process may have; null: not known. A program that may not open as many as it is told to ends at the start. */
  readonly openFiles: number | null
}

/** Files that are open beside connections: listeners, logs, threads' pipes. */
const otherFiles = 200

/** Arguments for the engine's own parameters; the others are left out. */
export const argumentsOf = (parameters: Parameters, { memoryBytes, version, openFiles }: Limits): readonly string[] => {
  const letters: string[] = []
  const options: string[] = []
  for (const [name, value] of Object.entries(acceptable(parameters, memoryBytes))) {
    const engineName = engineNames.get(name) ?? null
    if (engineName === null) continue
    if (engineName === 'c' && openFiles !== null) {
      letters.push('-c', String(Math.max(3, Math.min(Number(value), openFiles - otherFiles))))
    } else if (engineName.length === 1) letters.push(...letterArguments(engineName, value))
    else {
      const option = wordOption(engineName, value, version)
      if (option !== null) options.push(option)
    }
  }
  return options.length === 0 ? letters : [...letters, '-o', options.join(',')]
}
