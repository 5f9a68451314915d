/** Groups that have come to rest, made once and begun with again and again. */
import { decideGroup } from '../../decide/group.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, parameterGroupKey, specKey } from '../../model/keys.ts'
import { put } from '../../ports/records.ts'
import type { Entry, Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { groupSpec } from '../fixtures.ts'
import type { SimEngine } from './engine.ts'
import { createLives } from './larder.ts'
import { createRandom } from './random.ts'
import { createTime } from './time.ts'
import { createSimWorld } from './world.ts'

export interface Shape {
  readonly name: string
  readonly kind: 'cmd' | 'cme'
  readonly shards: number
  readonly nodes: number
  readonly appendOnly?: true
  readonly manual?: true
}

export const shapes: readonly Shape[] = [
  { name: '1+1', kind: 'cmd', shards: 1, nodes: 2 },
  { name: '1+2', kind: 'cmd', shards: 1, nodes: 3 },
  { name: '1+3', kind: 'cmd', shards: 1, nodes: 4 },
  { name: '1+2 with a log on disk', kind: 'cmd', shards: 1, nodes: 3, appendOnly: true },
  { name: '1+1 with a log on disk, failed over by hand', kind: 'cmd', shards: 1, nodes: 2, appendOnly: true, manual: true },
  { name: '1+1 failed over by hand', kind: 'cmd', shards: 1, nodes: 2, manual: true },
  { name: '1+2 failed over by hand', kind: 'cmd', shards: 1, nodes: 3, manual: true },
  { name: '2 shards of 1+1 with a log on disk', kind: 'cme', shards: 2, nodes: 2, appendOnly: true },
  { name: '1 shard of 1+2', kind: 'cme', shards: 1, nodes: 3 },
  { name: '2 shards of 1+1', kind: 'cme', shards: 2, nodes: 2 },
  { name: '3 shards of 1+1', kind: 'cme', shards: 3, nodes: 2 },
  { name: '3 shards of 1+2', kind: 'cme', shards: 3, nodes: 3 },
]

/** A group at rest: its records, and its engines by address. */
export interface Rest {
  readonly shape: Shape
  readonly spec: GroupSpec
  readonly entries: readonly Entry[]
  readonly engines: readonly SimEngine[]
}

export const startOfTime = 1_700_000_000_000

const specOf = (shape: Shape): GroupSpec => ({
  ...groupSpec('g', shape.kind, shape.shards, shape.nodes),
  createdAt: startOfTime,
  automaticFailover: shape.manual !== true,
  ...(shape.appendOnly === true ? { parameterGroup: 'logged' } : {}),
})

const isAtRest = async (store: Store, spec: GroupSpec): Promise<boolean> => {
  const entry = await store.get(`state/${spec.region}/${spec.space}/${spec.id}`)
  return entry !== null && (JSON.parse(entry.value) as GroupState).status === 'available'
}

/** Made by the controllers themselves, without trouble. */
export const makeRest = async (shape: Shape): Promise<Rest> => {
  const time = createTime(startOfTime)
  const random = createRandom(1)
  const note = (): void => undefined
  const world = createSimWorld(time, random, {
    onPrimary: note,
    onStart: note,
    onKill: note,
    onElected: note,
    onDeath: note,
    onClaim: note,
    onDrop: note,
    diesAtCommand: () => false,
    note,
  })
  const store = createMemoryStore({ clock: time })
  const spec = specOf(shape)
  const index = spec.shards.flatMap((shard) =>
    shard.nodes.map((node) => put(clusterKey(spec.region, node.clusterId), { space: spec.space, id: spec.id })),
  )
  const parameterGroup = {
    region: spec.region,
    name: 'logged',
    family: 'valkey9',
    description: '',
    values: { appendonly: 'yes' },
    tags: [],
  }
  await store.transact(
    [],
    [
      put(specKey(spec), spec),
      ...index,
      ...(shape.appendOnly === true ? [put(parameterGroupKey(spec.region, 'logged'), parameterGroup)] : []),
    ],
  )
  const lives = createLives({ world, store, random, decide: decideGroup, onTargets: note, note })
  lives.start()
  while (!(await isAtRest(store, spec))) {
    await time.step()
    if (time.now() > startOfTime + 60_000) throw new Error(`${shape.name} did not come to rest`)
  }
  lives.kill()
  return { shape, spec, entries: (await store.list('')).entries, engines: world.living() }
}

/** Engines as they were, with nothing shared. */
export const copyEngines = (engines: readonly SimEngine[]): readonly SimEngine[] => {
  const copies = engines.map(
    (engine): SimEngine => ({
      ...engine,
      log: [...engine.log],
      parameters: { ...engine.parameters },
      members: new Map(engine.members),
      fresh: false,
      closers: new Set(),
      waiting: [],
      link: null,
    }),
  )
  for (const [index, engine] of engines.entries()) {
    const copy = copies[index]
    const source = engines.indexOf(engine.link ?? engine)
    if (copy !== undefined && engine.link !== null) copy.link = copies[source] ?? null
  }
  return copies
}
