/**
 * Parameters of the Memcached families. Sources: AWS's page on Memcached-specific parameters, the answers of DescribeCacheParameters
 * that users have published, and `memcached -h` for what the program takes.
 *
 * `engineName` is the option of the command line: a letter, or a word of `-o`. The last table is Larder's own addition.
 */
import { allNodeTypes, type NodeType } from '../node-types.ts'
import { definitionsOf, extended, type ParameterDefinition, type Row, type Traits } from './definition.ts'

const option = (engineName: string, since?: string): Traits => ({
  reboot: true,
  engineName,
  ...(since === undefined ? {} : { since }),
})
const own = { reboot: true, engineName: null } as const
const fixedOwn = { fixed: true, reboot: true, engineName: null } as const

const memcached14: readonly Row[] = [
  ['backlog_queue_limit', '1024', 'integer', '1-10000', 'The backlog queue limit.', { ...option('b'), fixed: true }],
  // AWS has no `binary`: with an AuthToken it is the protocol of clients that log in by SASL.
  ['binding_protocol', 'auto', 'string', 'auto,ascii,binary', 'Binding protocol.', option('B')],
  [
    'cas_disabled',
    '0',
    'boolean',
    '0,1',
    'If supplied, CAS operations will be disabled, and items stored will consume 8 bytes less than with CAS enabled.',
    option('C'),
  ],
  [
    'chunk_size',
    '48',
    'integer',
    '1-1024',
    "The minimum amount of space to allocate for the smallest item's key + value + flags, in bytes.",
    option('n'),
  ],
  [
    'chunk_size_growth_factor',
    '1.25',
    'float',
    '1.01-100.00',
    'The growth factor controlling the size of each successive memcached chunk - each chunk will be chunk_size_growth_factor times larger than the previous chunk.',
    option('f'),
  ],
  [
    'config_max',
    '16',
    'integer',
    '0-64',
    'Maximum amount of configuration objects that can be stored at once.',
    { ...fixedOwn, since: '1.4.14' },
  ],
  [
    'config_size_max',
    '65536',
    'integer',
    '1024-1048576',
    'Maximum size of a configuration object, in bytes.',
    { ...fixedOwn, since: '1.4.14' },
  ],
  ['disable_flush_all', '0', 'boolean', '0,1', 'Disable flush_all command.', option('F', '1.4.24')],
  [
    'error_on_memory_exhausted',
    '0',
    'boolean',
    '0,1',
    'If supplied, when there is no more memory to store items, memcached will return an error rather than evicting items.',
    option('M'),
  ],
  [
    'expirezero_does_not_evict',
    '0',
    'boolean',
    '0,1',
    'Makes items with an expiration time of 0 unevictable. To be used with lru_maintainer.',
    { ...own, since: '1.4.24' },
  ],
  [
    'hash_algorithm',
    'jenkins',
    'string',
    'jenkins,murmur3',
    'The hash algorithm to be used.',
    option('hash_algorithm', '1.4.24'),
  ],
  [
    'hashpower_init',
    '16',
    'integer',
    '12-64',
    'The initial size of the hash table, expressed as a power of two.',
    { ...option('hashpower', '1.4.14'), fixed: true },
  ],
  [
    'idle_timeout',
    '0',
    'integer',
    '0-86400',
    'The minimum number of seconds a client will be allowed to idle before being asked to close.',
    option('idle_timeout', '1.4.33'),
  ],
  ['large_memory_pages', '0', 'boolean', '0,1', 'Try to use large memory pages.', fixedOwn],
  ['lock_down_paged_memory', '0', 'boolean', '0,1', 'Lock down all paged memory.', fixedOwn],
  ['lru_crawler', '0', 'boolean', '0,1', 'Cleans slab classes of items that have expired.', option('lru_crawler', '1.4.24')],
  [
    'lru_maintainer',
    '0',
    'boolean',
    '0,1',
    'A background thread that shuffles items between the LRUs as capacities are reached.',
    option('lru_maintainer', '1.4.24'),
  ],
  [
    'max_item_size',
    '1048576',
    'integer',
    '1024-1073741824',
    'The size of the largest item storable in the cluster, in bytes.',
    option('I'),
  ],
  [
    'max_simultaneous_connections',
    '65000',
    'integer',
    '3-65000',
    'The maximum number of simultaneous connections.',
    { ...option('c'), fixed: true },
  ],
  [
    'maxconns_fast',
    '0',
    'boolean',
    '0,1',
    'Immediately close new connections if over maximum simultaneous connections limit.',
    option('maxconns_fast', '1.4.14'),
  ],
  ['maximize_core_file_limit', '0', 'boolean', '0,1', 'Maximize core file limit.', fixedOwn],
  [
    'memcached_connections_overhead',
    '100',
    'integer',
    '0-100000',
    'The amount of memory to reserve for memcached connections and other miscellaneous overhead.',
    own,
  ],
  [
    'modern',
    '1',
    'boolean',
    '0,1',
    'This is an alias for enabling slab_reassign, slab_automove, lru_crawler, lru_maintainer, maxconns_fast and the hash algorithm murmur3.',
    { ...own, since: '1.4.33' },
  ],
  [
    'requests_per_event',
    '20',
    'integer',
    '1-1000',
    'The maximum number of requests per event for a given connection, to prevent starvation.',
    { ...option('R'), fixed: true },
  ],
  ['slab_automove', '0', 'integer', '0,1,2', 'Adjusts the slab automove algorithm.', option('slab_automove', '1.4.14')],
  [
    'slab_chunk_max',
    '524288',
    'integer',
    '1024-1048576',
    'The maximum size of a slab chunk, in bytes. Larger items are split over multiple chunks.',
    option('slab_chunk_max', '1.4.33'),
  ],
  ['slab_reassign', '0', 'boolean', '0,1', 'Enables or disables slab reassignment.', option('slab_reassign', '1.4.14')],
  ['track_sizes', '0', 'boolean', '0,1', 'Shows the sizes each slab group has consumed.', option('track_sizes', '1.4.33')],
  [
    'watcher_logbuf_size',
    '256',
    'integer',
    '16-1048576',
    'The size in kilobytes of the buffer of a watcher of the log.',
    option('watcher_logbuf_size', '1.4.33'),
  ],
  [
    'worker_logbuf_size',
    '64',
    'integer',
    '16-1048576',
    'The size in kilobytes of the buffer of a worker thread that is logged from.',
    option('worker_logbuf_size', '1.4.33'),
  ],
]

const memcached15Rows: readonly Row[] = [
  [
    'inline_ascii_resp',
    '0',
    'boolean',
    '0,1',
    'Stores numbers from VALUE response, inside an item, using up to 24 bytes. Small slowdown for ASCII get, faster sets.',
    own,
  ],
  [
    'no_modern',
    '1',
    'boolean',
    '0,1',
    'An alias for disabling slab_reassign, lru_maintainer and maxconns_fast, and for the hash algorithm jenkins.',
    own,
  ],
]

/** Not on AWS: the lists of recently used items, for whoever turns `lru_maintainer` on. */
const larderRows: readonly Row[] = [
  ['hot_lru_pct', '20', 'integer', '1-80', 'Percentage of slab memory reserved for the hot LRU.', option('hot_lru_pct')],
  [
    'hot_max_factor',
    '0.2',
    'float',
    '0.1-10',
    'Items idle longer than this times the age of the cold LRU leave the hot LRU.',
    option('hot_max_factor'),
  ],
  [
    'temporary_ttl',
    '0',
    'integer',
    '0-',
    'TTLs below this use a separate LRU that is never evicted from; 0 turns it off.',
    option('temporary_ttl'),
  ],
  ['warm_lru_pct', '40', 'integer', '1-80', 'Percentage of slab memory reserved for the warm LRU.', option('warm_lru_pct')],
  [
    'warm_max_factor',
    '2',
    'float',
    '0.1-10',
    'Items idle longer than this times the age of the cold LRU leave the warm LRU.',
    option('warm_max_factor'),
  ],
]

const memcached15 = extended(memcached14, [...memcached15Rows, ...larderRows], ['expirezero_does_not_evict', 'modern'])

const families: Readonly<Record<string, { readonly minimum: string; readonly rows: readonly Row[] }>> = {
  'memcached1.4': { minimum: '1.4.5', rows: memcached14 },
  'memcached1.5': { minimum: '1.5.10', rows: memcached15 },
  'memcached1.6': { minimum: '1.6.6', rows: memcached15 },
}

/** What `no_modern` turns off; with `no_modern` off they are on, unless the user says otherwise. */
export const modernParameters = ['slab_reassign', 'lru_maintainer', 'maxconns_fast'] as const

const ofNodeType = (
  name: string,
  description: string,
  minimum: string,
  figureOf: (type: NodeType) => number,
): ParameterDefinition => ({
  name,
  description,
  source: 'system',
  dataType: 'integer',
  allowedValues: '1-',
  modifiable: false,
  minimumEngineVersion: minimum,
  change: 'requires-reboot',
  nodeTypeSpecific: Object.fromEntries(allNodeTypes.map((type) => [type.name, String(figureOf(type))])),
  engineName: null,
  most: 2 ** 31 - 1,
})

export const memcachedParameters = (name: string): readonly ParameterDefinition[] => {
  const family = families[name]
  if (family === undefined) return []
  const { minimum, rows } = family
  return [
    ...definitionsOf(rows, minimum),
    ofNodeType(
      'max_cache_memory',
      'The maximum configurable amount of memory to use to store items, in megabytes.',
      minimum,
      (type) => type.memcachedMegabytes,
    ),
    ofNodeType('num_threads', 'The number of memcached threads to use.', minimum, (type) => type.memcachedThreads),
  ]
}
