/** Parameters of the Memcached families. Source: AWS's page on Memcached-specific parameters, and `memcached -h`. */
import { allNodeTypes } from '../node-types.ts'
import { definitionsOf, type ParameterDefinition, type Row } from './definition.ts'

const reboot = { reboot: true } as const
const rebootOwn = { reboot: true, engineName: null } as const
const fixedReboot = { fixed: true, reboot: true } as const

/** `engineName` is the option of the command line: a letter, or a word of `-o`. */
const since14: readonly Row[] = [
  ['backlog_queue_limit', '1024', 'integer', '1-10000', 'The backlog queue limit.', { ...fixedReboot, engineName: 'b' }],
  ['binding_protocol', 'auto', 'string', 'auto,ascii', 'Binding protocol.', { reboot: true, engineName: 'B' }],
  [
    'cas_disabled',
    '0',
    'boolean',
    '0,1',
    'If supplied, CAS operations will be disabled, and items stored will consume 8 bytes less than with CAS enabled.',
    { reboot: true, engineName: 'C' },
  ],
  [
    'chunk_size',
    '48',
    'integer',
    '1-1024',
    "The minimum amount, in bytes, of space to allocate for the smallest item's key, value, and flags.",
    { reboot: true, engineName: 'n' },
  ],
  [
    'chunk_size_growth_factor',
    '1.25',
    'float',
    '1-1024',
    'The growth factor that controls the size of each successive Memcached chunk; each chunk will be chunk_size_growth_factor times larger than the previous chunk.',
    { reboot: true, engineName: 'f' },
  ],
  ['config_max', '16', 'integer', '16', 'The maximum number of configuration entries.', { ...fixedReboot, engineName: null }],
  [
    'config_size_max',
    '65536',
    'integer',
    '65536',
    'The maximum size of a configuration entry in bytes.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'error_on_memory_exhausted',
    '0',
    'boolean',
    '0,1',
    'If enabled, when there is no more memory to store items, Memcached will return an error rather than evicting items.',
    { reboot: true, engineName: 'M' },
  ],
  [
    'large_memory_pages',
    '0',
    'boolean',
    '0,1',
    'If enabled, ElastiCache will try to use large memory pages.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'lock_down_paged_memory',
    '0',
    'boolean',
    '0,1',
    'If enabled, ElastiCache will lock down all paged memory.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'max_item_size',
    '1048576',
    'integer',
    '1024-1073741824',
    'The size, in bytes, of the largest item that can be stored in the cluster.',
    { reboot: true, engineName: 'I' },
  ],
  [
    'max_simultaneous_connections',
    '65000',
    'integer',
    '3-65000',
    'The maximum number of simultaneous connections.',
    { ...fixedReboot, engineName: 'c' },
  ],
  [
    'maximize_core_file_limit',
    '0',
    'boolean',
    '0,1',
    'If enabled, ElastiCache will maximize the core file limit.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'memcached_connections_overhead',
    '100',
    'integer',
    '0-',
    'The amount of memory to be reserved for Memcached connections and other miscellaneous overhead, in megabytes.',
    rebootOwn,
  ],
  [
    'requests_per_event',
    '20',
    'integer',
    '1-1000',
    'The maximum number of requests per event for a given connection. This limit is required to prevent resource starvation.',
    { ...fixedReboot, engineName: 'R' },
  ],
]

const since145: readonly Row[] = [
  ['disable_flush_all', '0', 'boolean', '0,1', 'Add parameter (-F) to disable flush_all.', { reboot: true, engineName: 'F' }],
  [
    'expirezero_does_not_evict',
    '0',
    'boolean',
    '0,1',
    'When 1, an item with an expiry of zero is not evicted.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'hash_algorithm',
    'jenkins',
    'string',
    'jenkins,murmur3',
    'The hash algorithm to be used.',
    { reboot: true, engineName: 'hash_algorithm' },
  ],
  [
    'idle_timeout',
    '0',
    'integer',
    '0-86400',
    'The minimum number of seconds a client will be allowed to idle before being asked to close.',
    { reboot: true, engineName: 'idle_timeout' },
  ],
  [
    'lru_crawler',
    '1',
    'boolean',
    '0,1',
    'Cleans slab classes of items that have expired.',
    { reboot: true, engineName: 'lru_crawler' },
  ],
  [
    'lru_maintainer',
    '1',
    'boolean',
    '0,1',
    'A background thread that shuffles items between the LRUs as capacities are reached.',
    { reboot: true, engineName: 'lru_maintainer' },
  ],
  [
    'maxconns_fast',
    '1',
    'boolean',
    '0,1',
    'Changes the way in which new connections requests are handled when the maximum connection limit is reached.',
    { reboot: true, engineName: 'maxconns_fast' },
  ],
  [
    'slab_automove',
    '1',
    'integer',
    '0,1,2',
    'Adjusts the slab automove algorithm.',
    { reboot: true, engineName: 'slab_automove' },
  ],
  [
    'slab_reassign',
    '1',
    'boolean',
    '0,1',
    'Enables or disables slab reassignment.',
    { reboot: true, engineName: 'slab_reassign' },
  ],
  [
    'track_sizes',
    '0',
    'boolean',
    '0,1',
    'Track the sizes that each slab group has consumed.',
    { reboot: true, engineName: 'track_sizes' },
  ],
  [
    'watcher_logbuf_size',
    '256',
    'integer',
    '16-1048576',
    'The size, in kilobytes, of the buffer of a watcher.',
    { reboot: true, engineName: 'watcher_logbuf_size' },
  ],
  [
    'worker_logbuf_size',
    '64',
    'integer',
    '16-1048576',
    'The size, in kilobytes, of the buffer of a worker thread that is logged from.',
    { reboot: true, engineName: 'worker_logbuf_size' },
  ],
]

const since15: readonly Row[] = [
  [
    'hot_lru_pct',
    '20',
    'integer',
    '1-80',
    'Percentage of slab memory reserved for the hot LRU.',
    { reboot: true, engineName: 'hot_lru_pct' },
  ],
  [
    'hot_max_factor',
    '0.2',
    'float',
    '0.1-10',
    'Items idle longer than this times the age of the cold LRU leave the hot LRU.',
    { reboot: true, engineName: 'hot_max_factor' },
  ],
  [
    'inline_ascii_resp',
    '0',
    'boolean',
    '0,1',
    'Stores numbers from a value response inside an item.',
    { ...fixedReboot, engineName: null },
  ],
  [
    'slab_chunk_max',
    '524288',
    'integer',
    '1024-1048576',
    'The largest chunk size for slab allocation, in bytes.',
    { ...reboot, engineName: 'slab_chunk_max' },
  ],
  [
    'temporary_ttl',
    '0',
    'integer',
    '0-',
    'TTLs below this use a separate LRU that is never evicted from; 0 turns it off.',
    { reboot: true, engineName: 'temporary_ttl' },
  ],
  [
    'warm_lru_pct',
    '40',
    'integer',
    '1-80',
    'Percentage of slab memory reserved for the warm LRU.',
    { reboot: true, engineName: 'warm_lru_pct' },
  ],
  [
    'warm_max_factor',
    '2',
    'float',
    '0.1-10',
    'Items idle longer than this times the age of the cold LRU leave the warm LRU.',
    { reboot: true, engineName: 'warm_max_factor' },
  ],
]

const megabyte = 1024 ** 2

const ofNodeType = (name: string, description: string, valueAt: (index: number) => string): ParameterDefinition => ({
  name,
  description,
  source: 'system',
  dataType: 'integer',
  allowedValues: '1-',
  modifiable: false,
  minimumEngineVersion: '1.4.5',
  change: 'requires-reboot',
  nodeTypeSpecific: Object.fromEntries(allNodeTypes.map((type, index) => [type.name, valueAt(index)])),
  engineName: null,
})

const sized: readonly ParameterDefinition[] = [
  ofNodeType('max_cache_memory', 'The maximum amount of memory that can be used for storing items, in megabytes.', (index) =>
    String(Math.floor((allNodeTypes[index]?.memoryBytes ?? 0) / megabyte)),
  ),
  ofNodeType('num_threads', 'The number of threads to be used.', (index) => String(allNodeTypes[index]?.memcachedThreads ?? 1)),
]

const generations: Readonly<Record<string, { readonly minimum: string; readonly rows: readonly (readonly Row[])[] }>> = {
  'memcached1.4': { minimum: '1.4.5', rows: [since14, since145] },
  'memcached1.5': { minimum: '1.5.10', rows: [since14, since145, since15] },
  'memcached1.6': { minimum: '1.6.6', rows: [since14, since145, since15] },
}

export const memcachedParameters = (family: string): readonly ParameterDefinition[] => {
  const generation = generations[family]
  return generation === undefined ? [] : [...generation.rows.flatMap((rows) => definitionsOf(rows, generation.minimum)), ...sized]
}
