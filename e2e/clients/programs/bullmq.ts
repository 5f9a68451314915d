/**
 * BullMQ: adds jobs without an end, works on them, and writes down those that are done. What it is to do with a lost connection stands in its
 * documentation: a worker waits for it, without a limit of attempts.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Redis as IoredisClient, Cluster as IoredisCluster } from 'ioredis'
import { tellError, wanted, write } from './writing.ts'

type Connection = IoredisClient | IoredisCluster
interface Options {
  readonly connection: Connection
  readonly prefix: string
}
interface Job {
  readonly data: { readonly key: string; readonly number: number }
}
interface Bullmq {
  readonly Queue: new (
    name: string,
    options: Options,
  ) => {
    add(
      name: string,
      data: Job['data'],
      options: { readonly jobId: string; readonly removeOnComplete: boolean },
    ): Promise<unknown>
    on(event: 'error', listener: (error: Error) => void): unknown
  }
  readonly Worker: new (
    name: string,
    work: (job: Job) => Promise<void>,
    options: Options,
  ) => { on(event: 'error', listener: (error: Error) => void): unknown }
}

const load = createRequire(join(process.argv[3] ?? '', 'package.json'))
const { Queue, Worker } = load('bullmq') as Bullmq
const { Cluster, Redis } = load('ioredis') as typeof import('ioredis')

const { host, port, kind, password, key } = wanted
const open = (): Connection => {
  const secure = kind === 'tls' ? { password, tls: { ca: readFileSync(wanted.ca) } } : {}
  const client =
    kind === 'cme'
      ? new Cluster([{ host, port }], { redisOptions: { maxRetriesPerRequest: null } })
      : new Redis({ host, port, maxRetriesPerRequest: null, ...secure })
  client.on('error', () => undefined) // told by the queue and the worker
  return client
}

/** All keys of a queue belong into one shard. */
const prefix = `{${key}}`
const queue = new Queue('numbers', { connection: open(), prefix })
queue.on('error', tellError)
const done = open()
const worker = new Worker(
  'numbers',
  async ({ data }) => {
    await done.hset(data.key, String(data.number), '1')
  },
  { connection: open(), prefix },
)
worker.on('error', tellError)

await write((place, number) => queue.add('number', { key: place, number }, { jobId: `job-${number}`, removeOnComplete: true }))
