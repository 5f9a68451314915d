/** Writing: the source first, then the cache, under the fence. */
import type { Core } from './core.ts'
import type { Place, Write } from './fence.ts'
import type { Rules } from './options.ts'
import type { Pending } from './pending.ts'

export interface WriterDependencies {
  readonly core: Core
  readonly pending: Pending
  /** Resolves when no near cache anywhere has anything of what was removed. */
  readonly settleNear: (remove: () => Promise<unknown>) => Promise<void>
  /** Milliseconds for which the server is told again and again. */
  readonly patience: number
}

export const createWriter = ({ core, pending, settleNear, patience }: WriterDependencies) => {
  const { fence, steady, observation, settings, failed } = core

  const remove = (keys: readonly string[], tags: readonly string[]): Promise<void> =>
    pending.settle(
      { keys, tags },
      () => settleNear(() => Promise.all([fence.removeTags(tags), keys.length === 0 ? null : fence.removeKeys(keys)])),
      patience,
    )

  const put = async (place: Place, value: unknown, write: () => Promise<unknown>, rules: Rules): Promise<void> => {
    const began = steady()
    const { key, tags } = place
    let holding: Write | null = null
    try {
      holding = await fence.beginWrite(place, rules.life, settings.lockTime)
    } catch (error) {
      failed(error) // the source is written all the same, and what rests on it is removed afterwards
    }
    const held = holding
    const prolong = (): void => {
      held?.prolong(settings.lockTime).catch(failed)
    }
    const timer = setInterval(prolong, settings.lockTime / 3)
    let written = false
    try {
      await write()
      written = true
    } finally {
      clearInterval(timer)
      // Whether a write that failed has changed something is not known.
      if (!written) await remove([key], tags).catch(failed)
    }
    const bytes = core.encode(key, value)
    const make = (stamp: string) => {
      const entry = bytes === null ? null : core.entryOf(key, bytes, value, stamp, rules, 0)
      return entry === null ? null : { entry, life: rules.life }
    }
    let stored = false
    try {
      if (held === null) throw new Error('the write was not announced')
      await settleNear(async () => {
        stored = await held.finish(make)
      })
    } catch {
      await remove([key], tags)
    }
    observation.count({ type: 'put', key, time: steady() - began, stored })
  }

  return {
    put,
    remove,
    invalidate: async (tags: readonly string[]): Promise<void> => {
      if (tags.length === 0) return
      const began = steady()
      await remove([], tags)
      observation.count({ type: 'invalidate', tags, time: steady() - began })
    },
    delete: (keys: readonly string[]): Promise<void> => remove(keys, []),
  }
}
