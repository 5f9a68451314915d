/**
 * The API over a real store with many groups and no machine below it: a process of its own, so that it does not share a thread with the
 * client that measures it. Arguments: file of the store, number of groups. Says its port as a line.
 */

import { createApiServer } from '../../packages/service/src/api/server.ts'
import { actions } from '../../packages/service/src/api/services/elasticache/index.ts'
import type { GroupState } from '../../packages/service/src/model/group.ts'
import { clusterKey, specKey, stateKey } from '../../packages/service/src/model/keys.ts'
import { put, readRecord } from '../../packages/service/src/ports/records.ts'
import type { Store } from '../../packages/service/src/ports/store.ts'
import { createSealer } from '../../packages/service/src/security/seal.ts'
import { createMemoryStore } from '../../packages/service/src/store/memory.ts'
import { openSqliteStore } from '../../packages/service/src/store/sqlite.ts'
import { createFakeWorld } from '../../packages/service/src/testing/fake-world.ts'
import { groupSpec, realClock, region, startManager } from '../../packages/service/src/testing/fixtures.ts'

/** Anybody may ask this server: it holds nothing. */
export const accessKeyId = 'AKIABENCHMARK0000000'
export const secretAccessKey = 'benchmark'

const account = '000000000000'
const template = 'template'

/** What the controllers write for a group of 1 + 2 nodes that is available. */
const settledState = async (): Promise<GroupState> => {
  const store = createMemoryStore()
  const manager = startManager(store, createFakeWorld())
  try {
    await manager.start()
    const spec = groupSpec(template, 'cmd', 1, 3)
    await store.transact([], [put(specKey(spec), spec)])
    for (let tries = 0; tries < 1_000; tries += 1) {
      const state = await readRecord<GroupState>(store, stateKey(spec))
      if (state?.value.status === 'available') return state.value
      await realClock.sleep(5)
    }
    throw new Error('expected a group on the machine in memory to become available')
  } finally {
    await manager.stop()
  }
}

const fill = async (store: Store, groups: number): Promise<void> => {
  const text = JSON.stringify(await settledState())
  for (let index = 0; index < groups; index += 1) {
    const id = `group-${String(index).padStart(4, '0')}`
    const spec = groupSpec(id, 'cmd', 1, 3)
    const state = JSON.parse(text.replaceAll(template, id)) as GroupState
    const members = spec.shards.flatMap((shard) => shard.nodes)
    await store.transact(
      [],
      [
        put(specKey(spec), spec),
        put(stateKey(spec), state),
        ...members.map((node) => put(clusterKey(region, node.clusterId), { space: 'rg', id })),
      ],
    )
  }
}

const serve = async ([file = '', groups = '1']: readonly string[]): Promise<void> => {
  const store = openSqliteStore(file, { clock: realClock })
  await fill(store, Number(groups))
  const world = createFakeWorld()
  const sealer = createSealer(new Uint8Array(32))
  const server = createApiServer({
    verifier: {
      now: () => Date.now(),
      keyHolder: async (key) =>
        key === accessKeyId ? { secretAccessKey, account, arn: `arn:aws:iam::${account}:root`, userId: account } : null,
    },
    actions,
    context: (caller) => ({
      region: caller.region,
      account: caller.account,
      store,
      catalog: world.catalog,
      clock: realClock,
      sealer,
    }),
    audit: () => undefined,
    sealer,
    metrics: async () => '',
    log: (level, message, fields) => process.stderr.write(`${level} ${message} ${String(fields?.['error'] ?? '')}\n`),
  })
  process.stdout.write(`${await server.listen('127.0.0.1', 0)}\n`)
}

if (import.meta.main) await serve(process.argv.slice(2))
