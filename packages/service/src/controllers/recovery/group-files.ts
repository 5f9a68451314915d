/**
 * What a group is, a third time, beside the folders of its nodes: `nodes/<region>/<rg or cc>.<id>.json`. It says which
 * group a folder belongs to where the state and its journal are lost together, and tells a state that is older than
 * the nodes. Written a moment after each change; a change of who may come in is not answered before it is written: a
 * recovery must not open what somebody has closed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GroupKey, GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, groupName, groupOfKey, specKey, stateKey } from '../../model/keys.ts'
import type { ClusterIndex } from '../../model/records.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Host } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import { listRecords, readRecord } from '../../ports/records.ts'
import type { Operation, Store } from '../../ports/store.ts'
import { followKeys } from '../watch.ts'

const format = 1
/** Changes of one moment are written once. */
const pauseMs = 1_000

export interface GroupFile {
  readonly group: typeof format
  /** Which store: `SqliteStore.id`. */
  readonly store: string
  /** Of the newest of its records. */
  readonly revision: number
  readonly spec: GroupSpec
  readonly state: GroupState | null
  /** By cache cluster id. */
  readonly clusters: Readonly<Record<string, ClusterIndex>>
}

const nameForm = /^(rg|cc)\.[a-z0-9-]+\.json$/i

export const groupFileOf = (nodesFolder: string, key: GroupKey): string =>
  join(nodesFolder, key.region, `${key.space}.${key.id}.json`)

const isGroupFile = (value: unknown): value is GroupFile => {
  const { group, store, revision, spec, clusters } = (value ?? {}) as Partial<GroupFile>
  return (
    group === format &&
    typeof store === 'string' &&
    Number.isSafeInteger(revision) &&
    typeof spec?.region === 'string' &&
    Array.isArray(spec.shards) &&
    typeof clusters === 'object'
  )
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told as damaged
  }
}

export interface GroupFiles {
  readonly files: readonly GroupFile[]
  /** Paths of files that are none. */
  readonly damaged: readonly string[]
}

export const readGroupFiles = (nodesFolder: string): GroupFiles => {
  const paths = readdirSync(nodesFolder, { withFileTypes: true })
    .filter((region) => region.isDirectory())
    .flatMap((region) =>
      readdirSync(join(nodesFolder, region.name), { withFileTypes: true }).map((entry) => ({ region: region.name, entry })),
    )
    .filter(({ entry }) => entry.isFile() && nameForm.test(entry.name))
    .map(({ region, entry }) => join(nodesFolder, region, entry.name))
  const read = paths.map((path) => ({ path, value: parsed(readFileSync(path, 'utf8')) }))
  return {
    files: read.flatMap(({ value }) => (isGroupFile(value) ? [value] : [])),
    damaged: read.filter(({ value }) => !isGroupFile(value)).map(({ path }) => path),
  }
}

const clusterIdsOf = (spec: GroupSpec): readonly string[] => [
  ...new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId))),
]

interface KeeperContext {
  readonly store: Store
  readonly storeId: string
  readonly nodesFolder: string
  readonly host: Pick<Host, 'writeFile' | 'removeFile' | 'makeFolder'>
  readonly clock: Clock
  readonly log: Log
  /** As they were found at the start. */
  readonly present: readonly GroupFile[]
}

/** All of a group that says who may come in. */
const accessText = ({ labels, auth, userGroup, transitEncryption }: GroupSpec): string =>
  JSON.stringify([
    labels.securityGroupIds,
    labels.cacheSecurityGroupNames,
    auth ?? null,
    userGroup ?? null,
    transitEncryption ?? null,
  ])

/** A group without a file is not opened by a recovery, so it needs none before it answers. */
const unguarded = accessText({ labels: { securityGroupIds: [], cacheSecurityGroupNames: [] } } as unknown as GroupSpec)

export interface GroupFileKeeper {
  start(): Promise<void>
  /** The store for whoever changes who may come in: such a change is beside the nodes before it is answered. */
  writingThrough(store: Store): Store
  /** Writes what is still to be written. */
  stop(): Promise<void>
}

/**
 * Keeps the files up to date. A file that cannot be written is tried again with the next change, and at the next
 * start.
 */
export const keepGroupFiles = (context: KeeperContext): GroupFileKeeper => {
  const { store, host, clock, log, nodesFolder } = context
  const written = new Map(
    context.present.filter((file) => file.store === context.storeId).map((file) => [groupName(file.spec), file.revision]),
  )
  /** Who may come in, as the files say. */
  const access = new Map(context.present.map((file) => [groupName(file.spec), accessText(file.spec)]))
  const changed = new Map<string, GroupKey>()
  const ending = new AbortController()
  const following: Promise<void>[] = []
  let work: Promise<void> | null = null

  /** One after the other: an older content must not come last. */
  const writing = new Map<string, Promise<void>>()
  const write = (key: GroupKey): Promise<void> => {
    const name = groupName(key)
    const before = writing.get(name) ?? Promise.resolve()
    const done = before.catch(() => undefined).then(() => writeNow(key)) // its own caller is told
    const ended = done.finally(() => {
      if (writing.get(name) === ended) writing.delete(name)
    })
    writing.set(name, ended)
    return ended
  }

  const writeNow = async (key: GroupKey): Promise<void> => {
    const spec = await readRecord<GroupSpec>(store, specKey(key))
    const state = await readRecord<GroupState>(store, stateKey(key))
    const path = groupFileOf(nodesFolder, key)
    if (spec === null) {
      if (state !== null) return
      await host.removeFile(path)
      written.delete(groupName(key))
      access.delete(groupName(key))
      return
    }
    const revision = Math.max(spec.revision, state?.revision ?? 0)
    if (written.get(groupName(key)) === revision) return
    const clusters: Record<string, ClusterIndex> = {}
    for (const id of clusterIdsOf(spec.value)) {
      const index = await readRecord<ClusterIndex>(store, clusterKey(key.region, id))
      if (index !== null) clusters[id] = index.value
    }
    const file: GroupFile = {
      group: format,
      store: context.storeId,
      revision,
      spec: spec.value,
      state: state?.value ?? null,
      clusters,
    }
    await host.makeFolder(join(nodesFolder, key.region))
    await host.writeFile(path, `${JSON.stringify(file)}\n`)
    written.set(groupName(key), revision)
    access.set(groupName(key), accessText(spec.value))
  }

  const writeAll = async (keys: Iterable<GroupKey>): Promise<void> => {
    for (const key of keys) {
      try {
        await write(key)
      } catch (error) {
        log('warn', 'the file that says what a group is cannot be written', { group: groupName(key), error })
      }
    }
  }

  const flush = async (): Promise<void> => {
    while (changed.size > 0) {
      const keys = [...changed.values()]
      changed.clear()
      await writeAll(keys)
    }
  }

  const changesAccess = (operation: Operation): operation is Extract<Operation, { readonly put: string }> =>
    'put' in operation &&
    operation.put.startsWith('spec/') &&
    accessText(JSON.parse(operation.value) as GroupSpec) !== (access.get(groupName(groupOfKey(operation.put))) ?? unguarded)

  const later = (): void => {
    work ??= clock
      .sleep(pauseMs, ending.signal)
      .catch(() => undefined) // it ends: at once, then
      .then(flush)
      .finally(() => {
        work = null
        if (changed.size > 0 && !ending.signal.aborted) later()
      })
  }

  const mark = (key: string): void => {
    const group = groupOfKey(key)
    changed.set(groupName(group), group)
    later()
  }

  return {
    async start() {
      const specs = await listRecords<GroupSpec>(store, 'spec/')
      const states = await store.list('state/')
      for (const { key } of [...specs.records, ...states.entries]) mark(key)
      // The store is at least as new as these, or it would not have been opened: groups that it does not have were removed.
      for (const { spec } of context.present) mark(specKey(spec))
      for (const prefix of ['spec/', 'state/'])
        following.push(followKeys({ store, clock, log }, prefix, specs.revision + 1, ending.signal, (key) => mark(key)))
    },
    writingThrough: (through) => ({
      ...through,
      async transact(conditions, operations) {
        const changes = operations.filter(changesAccess)
        const result = await through.transact(conditions, operations)
        if (result.ok) await writeAll(changes.map((operation) => groupOfKey(operation.put)))
        return result
      },
    }),
    async stop() {
      ending.abort()
      await Promise.all(following)
      if (work !== null) await work
      await flush()
    },
  }
}
