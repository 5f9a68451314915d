/** What Valkey 8 and 9 changed. */
import { extended, type Row } from './definition.ts'
import { backlog } from './redis-2.ts'
import { redis70 } from './redis-5.ts'

const yesNo = 'yes,no'
const since81 = { since: '8.1.0', wide: true } as const
/** Of the search module, which no archive has. Default groups of AWS list them, and so do tools that compare with those. */
const since82 = { since: '8.2.0', engineName: null, module: 'search' } as const

const valkey7Rows: readonly Row[] = [['maxmemory-samples', '3', 'integer', '1-64', 'Max memory samples.']]

const valkey8Rows: readonly Row[] = [
  [
    'commandlog-large-reply-max-len',
    '128',
    'integer',
    '0-1024',
    'The maximum length of the Valkey Command Log for responses.',
    since81,
  ],
  [
    'commandlog-large-request-max-len',
    '128',
    'integer',
    '0-1024',
    'The maximum length of the Valkey Command Log for requests.',
    since81,
  ],
  [
    'commandlog-reply-larger-than',
    '1048576',
    'integer',
    '-1-',
    'The maximum size, in bytes, for responses to be logged by the Valkey Command Log feature.',
    since81,
  ],
  [
    'commandlog-request-larger-than',
    '1048576',
    'integer',
    '-1-',
    'The maximum size, in bytes, for requests to be logged by the Valkey Command Log feature.',
    since81,
  ],
  [
    'extended-redis-compatibility',
    'yes',
    'boolean',
    yesNo,
    'Extended Redis OSS compatibility mode makes Valkey pretend to be Redis OSS 7.2, for tools and clients that know no other.',
  ],
  backlog('10485760'),
  [
    'search-default-timeout-ms',
    '50000',
    'integer',
    '1-60000',
    'The default Valkey search query timeout (in milliseconds).',
    since82,
  ],
  [
    'search-enable-partial-results',
    'yes',
    'boolean',
    yesNo,
    'Whether a search query returns partial results if one or more shards time out, or fails.',
    since82,
  ],
  [
    'search-fanout-target-mode',
    'client',
    'string',
    'client,throughput',
    'How search queries are distributed across the nodes of a cluster: by the role and READONLY status of the client, or over all nodes.',
    since82,
  ],
]

const valkey9Rows: readonly Row[] = [
  [
    'cluster-databases',
    // AWS's default; no engine takes it. It stands for the engine's own, which is one.
    '0',
    'integer',
    '0-10000',
    'Number of databases available in cluster mode. Set at cluster creation time.',
    { reboot: true },
  ],
]

export const valkey7 = extended(redis70, valkey7Rows)
/** The engine now does by itself at all times what these asked for. */
export const valkey8 = extended(valkey7, valkey8Rows, [
  'lazyfree-lazy-eviction',
  'lazyfree-lazy-expire',
  'lazyfree-lazy-server-del',
  'lazyfree-lazy-user-del',
  'replica-lazy-flush',
])
export const valkey9 = extended(valkey8, valkey9Rows)
