/** ioredis, with its defaults. */
import { readFileSync } from 'node:fs'
import { Cluster, Redis } from 'ioredis'
import { wanted, write } from './writing.ts'

const { host, port, kind, password } = wanted
const client =
  kind === 'cme'
    ? new Cluster([{ host, port }])
    : new Redis({ host, port, ...(kind === 'tls' ? { password, tls: { ca: readFileSync(wanted.ca) } } : {}) })
client.on('error', () => undefined) // a write that fails tells it

await write((key, number) => client.hset(key, String(number), '1'))
