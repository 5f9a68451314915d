/**
 * The API on its port. A thread of its own serves HTTP (`http/thread.ts`) and hands over whole requests; they are verified, authorised and
 * answered here, where the store is.
 */

import { getCompileCacheDir } from 'node:module'
import { extname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { LarderError } from '../errors.ts'
import { type DispatchDependencies, dispatch, tellable } from './dispatch.ts'
import { allowedHosts } from './http/hosts.ts'
import { type ConnectionLimits, connectionLimits } from './http/limits.ts'
import type { Asked, FromFront, FrontSettings, Reply, Timeouts, ToFront } from './http/messages.ts'
import { encodeError } from './protocols/query/error.ts'
import { parseForm } from './protocols/query/form.ts'
import { namespace } from './protocols/query/schema.ts'

export interface ApiServerDependencies extends DispatchDependencies {
  /** Text in the format of Prometheus. */
  readonly metrics: () => Promise<string>
  readonly timeouts?: Partial<Timeouts>
  readonly limits?: ConnectionLimits
  /** Names by which the API may be asked without a signature, beside those of this machine; with commas between them. */
  readonly allowedHosts?: string
  /** For tests that end the thread. */
  readonly onThread?: (thread: Worker) => void
}

export interface ApiServer {
  /** Resolves with the port; port 0 takes a free one. Rejects with `LarderError` `address-taken`. */
  listen(host: string, port: number): Promise<number>
  /** Ends when the requests under way are answered, after a second at the latest. */
  close(): Promise<void>
}

const usualTimeouts: Timeouts = { headers: 5_000, request: 20_000, checked: 1_000, unsigned: 5_000 }
/** A flood of large requests ends the thread, not the service. */
const memory = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 }
const againMs = 200
const longestAgainMs = 5_000
/** A report of all nodes is made once for all who ask for it at that time, and kept for this long. */
const metricsMs = 1_000
const program = new URL(`./http/thread${extname(import.meta.url)}`, import.meta.url)

/** It needs nothing of the environment, which may hold keys; what was compiled for it is kept as for the rest. */
const threadEnvironment = (): NodeJS.ProcessEnv => {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}

const text = (body: string): Reply => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body, signed: false })

/** Whoever asks without a signature may ask as often as he likes: that costs no more than one report a second. */
const shared = (make: () => Promise<string>): (() => Promise<string>) => {
  let made: { readonly at: number; readonly text: Promise<string> } | null = null
  return () => {
    const now = performance.now()
    if (made !== null && now - made.at < metricsMs) return made.text
    const fresh = { at: now, text: make() }
    made = fresh
    fresh.text.catch(() => {
      if (made === fresh) made = null
    })
    return fresh.text
  }
}

export const createApiServer = (dependencies: ApiServerDependencies): ApiServer => {
  const { log } = dependencies
  const settings: FrontSettings = {
    timeouts: { ...usualTimeouts, ...dependencies.timeouts },
    limits: dependencies.limits ?? connectionLimits(null),
    allowedHosts: dependencies.allowedHosts ?? '',
    xmlns: namespace,
  }
  allowedHosts('', settings.allowedHosts) // a wrong setting is told now, and not by the thread
  const metrics = shared(dependencies.metrics)
  let thread: Worker | null = null
  let closed: (() => void) | null = null
  let failures = 0

  const replyTo = async (asked: Asked): Promise<Reply> => {
    if (asked.route === 'health') return text('ok\n')
    if (asked.route === 'metrics') return text(await metrics())
    const { method, path, headers, body, requestId, sourceAddress } = asked
    const request = { method, path, query: parseForm(asked.query), headers, body }
    const answer = await dispatch(dependencies, { request, requestId, sourceAddress })
    return answer
  }

  const respond = async (asked: Asked, front: Worker): Promise<void> => {
    let reply: Reply
    try {
      reply = await replyTo(asked)
    } catch (error) {
      const wire = tellable(error, log, asked.requestId)
      reply = { status: wire.status, type: 'text/xml', body: encodeError(wire, asked.requestId, namespace), signed: false }
    }
    front.postMessage({ what: 'reply', id: asked.id, reply } satisfies ToFront)
  }

  /** Resolves with the port when the thread listens. */
  const startThread = (host: string, port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const front = new Worker(program, { workerData: settings, resourceLimits: memory, name: 'api', env: threadEnvironment() })
      thread = front
      dependencies.onThread?.(front)
      let listening: number | null = null
      let reason: unknown = null
      const cannotListen = (code: string, message: string): LarderError =>
        code === 'EADDRINUSE'
          ? new LarderError(
              'address-taken',
              `expected port ${port} of ${host} to be free, found it taken; choose another with --port or LARDER_PORT`,
            )
          : new LarderError('machine', `cannot listen on ${host}:${port}: ${message}`)
      front.on('message', (message: FromFront) => {
        switch (message.what) {
          case 'request':
            return void respond(message, front)
          case 'listening':
            listening = message.port
            failures = 0
            return resolve(message.port)
          case 'not-listening':
            reason = cannotListen(message.code, message.message)
            return void front.terminate()
          case 'log':
            return log(message.level, message.message, { ...message.fields })
          case 'closed':
            return closed?.()
        }
      })
      front.on('error', (error) => {
        reason = error
      })
      front.on('exit', () => {
        thread = null
        const error = reason instanceof Error ? reason : new LarderError('machine', `the thread of the API ended: ${reason}`)
        if (listening === null) return reject(error)
        if (closed !== null) return closed()
        log('error', 'the thread of the API has ended, and is started again', { error })
        again(host, listening)
      })
      front.postMessage({ what: 'listen', host, port } satisfies ToFront)
    })

  const again = (host: string, port: number): void => {
    failures += 1
    delay(Math.min(againMs * failures, longestAgainMs), undefined, { ref: true })
      .then(() => (closed === null ? startThread(host, port) : undefined))
      .catch((error: unknown) => {
        log('error', 'the thread of the API could not be started again', { error })
        if (closed === null) again(host, port)
      })
  }

  return {
    listen: startThread,
    close: async () => {
      const ended = new Promise<void>((resolve) => {
        closed = resolve
      })
      const front = thread
      if (front === null) return
      front.postMessage({ what: 'close' } satisfies ToFront)
      await ended
      await front.terminate()
    },
  }
}
