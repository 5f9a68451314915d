import assert from 'node:assert/strict'
import { test } from 'node:test'
import { put } from '../ports/records.ts'
import type { Store } from '../ports/store.ts'
import { createMemoryStore } from '../store/memory.ts'
import { until } from '../testing/busy-machine.ts'
import { realClock } from '../testing/fixtures.ts'
import { followKeys } from './watch.ts'

interface World {
  readonly store: Store
  readonly broken: { watch: number; list: number }
  readonly told: Map<string, string | null>
  readonly lines: string[]
  write(key: string, value: unknown): Promise<void>
}

/** The first calls of each kind fail, as often as `broken` says. */
const inWorld = async (onChange: (key: string) => void, body: (world: World) => Promise<void>): Promise<void> => {
  const store = createMemoryStore()
  const { watch, list } = store
  const broken = { watch: 0, list: 0 }
  const fails = (what: 'watch' | 'list'): boolean => {
    broken[what] -= 1
    return broken[what] >= 0
  }
  store.watch = (...args) => {
    if (fails('watch')) throw new Error('the watch fails')
    return watch(...args)
  }
  store.list = async (...args) => {
    if (fails('list')) throw new Error('the list fails')
    return list(...args)
  }
  const told = new Map<string, string | null>()
  const lines: string[] = []
  const ending = new AbortController()
  const world = {
    store,
    broken,
    told,
    lines,
    write: async (key: string, value: unknown) => void (await store.transact([], [put(key, value)])),
  }
  broken.watch = 2
  broken.list = 2
  const following = followKeys(
    { store, clock: realClock, log: (_level, message) => lines.push(message) },
    'a/',
    1,
    ending.signal,
    (key, value) => {
      onChange(key)
      told.set(key, value)
    },
  )
  try {
    await body(world)
  } finally {
    ending.abort()
    await following
    await store.close()
  }
}

test('a watch goes on after the store has failed again and again, also while it is begun anew', () =>
  inWorld(
    () => undefined,
    async ({ told, write, broken }) => {
      await write('a/1', 1)
      await until('the change is told', () => told.has('a/1'))
      await until('all failures have been met', () => broken.watch < 0 && broken.list < 0)
      await write('a/2', 2)
      await until('the next change is told', () => told.has('a/2'))
    },
  ))

test('a change that cannot be followed does not keep the others from being told', () =>
  inWorld(
    (key) => {
      if (key === 'a/bad') throw new Error('damaged')
    },
    async ({ told, write, lines }) => {
      await write('a/bad', 1)
      await write('a/1', 1)
      await until('the other is told', () => told.has('a/1'))
      await write('a/2', 1)
      await until('the next one is told', () => told.has('a/2'))
      assert.ok(lines.includes('a change in the store could not be followed'))
    },
  ))
