/** Work that several may wait for, each as long as he likes. */

import { aTime, check } from '../check.ts'
import { CacheError } from '../errors.ts'
import { whenAborted } from './abort-listeners.ts'

export interface Job<T> {
  readonly done: Promise<T>
  /** Nobody waited any longer: it may end without a result. */
  isAborted(): boolean
  /** Waits with the others. Rejects at once when the signal does; when nobody waits any longer, the work's own signal is aborted. */
  join(signal?: AbortSignal): Promise<T>
}

/** Rejects with the signal's reason as soon as it is aborted. */
export const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) {
      work.catch(() => undefined) // nobody waits for it
      return abort()
    }
    const end = whenAborted(signal, abort)
    work.then(resolve, reject).finally(end)
  })
}

/** Made when somebody asks for it: most work never does. */
export type Signal = () => AbortSignal

export const startJob = <T>(work: (signal: Signal) => Promise<T>): Job<T> => {
  let controller: AbortController | null = null
  let waiting = 0
  let isOver = false
  let aborted: { readonly reason: unknown } | null = null
  const abort = (reason: unknown): void => {
    aborted = { reason }
    controller?.abort(reason)
  }
  const done = work(() => {
    if (controller === null) {
      controller = new AbortController()
      if (aborted !== null) controller.abort(aborted.reason)
    }
    return controller.signal
  })
  const end = (): void => {
    isOver = true
  }
  done.then(end, end)
  return {
    done,
    isAborted: () => aborted !== null,
    join: async (signal) => {
      waiting += 1
      try {
        return await (signal === undefined ? done : unlessAborted(done, signal))
      } finally {
        waiting -= 1
        if (waiting === 0 && !isOver) abort(signal?.reason)
      }
    },
  }
}

/** To be disposed. */
export interface Deadline {
  readonly signal: AbortSignal | undefined
  dispose(): void
}

/** A signal that is aborted after that time, or with the other one. */
export const deadline = (milliseconds: number | undefined, outer: AbortSignal | undefined): Deadline => {
  if (milliseconds === undefined) return { signal: outer, dispose: () => undefined }
  check('timeout', milliseconds, aTime)
  const controller = new AbortController()
  const timer = setTimeout(
    () => controller.abort(new CacheError('timeout', `expected a value within ${milliseconds} ms, found none`)),
    milliseconds,
  )
  const abort = (): void => controller.abort(outer?.reason)
  if (outer?.aborted === true) abort()
  const end = outer === undefined ? undefined : whenAborted(outer, abort)
  return {
    signal: controller.signal,
    dispose: () => {
      clearTimeout(timer)
      end?.()
    },
  }
}
