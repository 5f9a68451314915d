/**
 * Metrics and spans of a cache, for whatever OpenTelemetry is set up in the application. What is used of its API is named here, so that the library
 * does not bring it.
 */

import type { CacheEvent } from '../cache/events.ts'
import { aFunction, anything, checkOptions, type Kind, type Table } from '../check.ts'

type Attributes = Readonly<Record<string, string | boolean>>

interface Counter {
  add(value: number, attributes?: Attributes): void
}
interface Histogram {
  record(value: number, attributes?: Attributes): void
}
export interface MeterLike {
  createCounter(name: string, options?: { readonly description?: string; readonly unit?: string }): Counter
  createHistogram(name: string, options?: { readonly description?: string; readonly unit?: string }): Histogram
}
interface SpanLike {
  recordException(error: Error): void
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  end(time?: number): void
}
export interface TracerLike {
  startSpan(name: string, options?: { readonly startTime?: number; readonly attributes?: Attributes }): SpanLike
}

export interface OpenTelemetryOptions {
  /** `metrics.getMeter('cache')` */
  readonly meter: MeterLike
  /** `trace.getTracer('cache')`. Left out: no spans. */
  readonly tracer?: TracerLike
  /** Of the metrics and spans, where an application has several caches. */
  readonly attributes?: Attributes
  /** What a key is called in a span. Default: it is left out, since keys may say who somebody is. */
  readonly nameOf?: (key: string) => string
}

const withMethod = (is: string, method: string): Kind => ({
  is,
  holds: (value) => typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function',
})
const telemetryOptions: Table = {
  meter: withMethod('a meter, as metrics.getMeter gives it', 'createCounter'),
  tracer: withMethod('a tracer, as trace.getTracer gives it', 'startSpan'),
  attributes: anything,
  nameOf: aFunction,
}

const failed = 2 // SpanStatusCode.ERROR

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/**
 * For `createCache({ observe })`. Metrics: `cache.reads` (result: hit, near-hit, stale-hit, miss, bypass; reason), `cache.load.duration`, `cache.wait.duration`, `cache.hit.duration`,
 * `cache.invalidate.duration`, `cache.put.duration`, `cache.breaks` (state: away, back), `cache.errors`; durations in milliseconds. Spans: `cache.load`, `cache.wait`, `cache.put`, `cache.invalidate`.
 */
export const observeByOpenTelemetry = (options: OpenTelemetryOptions): ((event: CacheEvent) => void) => {
  checkOptions('observeByOpenTelemetry', options, telemetryOptions, ['meter'])
  const { meter, tracer, attributes = {}, nameOf } = options
  const unit = 'ms'
  const reads = meter.createCounter('cache.reads', { description: 'what reads found' })
  const hits = meter.createHistogram('cache.hit.duration', { unit, description: 'how long hits on the server took' })
  const loads = meter.createHistogram('cache.load.duration', { unit, description: 'how long the source took' })
  const waits = meter.createHistogram('cache.wait.duration', {
    unit,
    description: 'how long the load of somebody else was waited for',
  })
  const invalidations = meter.createHistogram('cache.invalidate.duration', { unit, description: 'how long invalidations took' })
  const puts = meter.createHistogram('cache.put.duration', { unit, description: 'how long writes took, source and cache' })
  const breaks = meter.createCounter('cache.breaks', {
    description: 'how often the server was given up for a while, and was back',
  })
  const errors = meter.createCounter('cache.errors', { description: 'errors of the cache that nobody was told of' })

  const span = (name: string, time: number, own: Attributes, key?: string, error?: unknown): void => {
    if (tracer === undefined) return
    const end = Date.now()
    const named = key === undefined || nameOf === undefined ? {} : { 'cache.key': nameOf(key) }
    const one = tracer.startSpan(name, { startTime: end - time, attributes: { ...attributes, ...own, ...named } })
    if (error !== undefined) {
      const cause = asError(error)
      one.recordException(cause)
      one.setStatus({ code: failed, message: cause.message })
    }
    one.end(end)
  }

  return (event) => {
    switch (event.type) {
      case 'hit':
        reads.add(1, { ...attributes, result: event.where === 'near' ? 'near-hit' : event.stale ? 'stale-hit' : 'hit' })
        if (event.where === 'server') hits.record(event.time, attributes)
        return
      case 'miss':
        reads.add(1, { ...attributes, result: 'miss', reason: event.reason })
        return
      case 'bypass':
        reads.add(1, { ...attributes, result: 'bypass', reason: event.reason })
        return
      case 'load':
        loads.record(event.time, { ...attributes, stored: event.stored })
        span('cache.load', event.time, { 'cache.stored': event.stored }, event.key)
        return
      case 'load-failed':
        loads.record(event.time, { ...attributes, failed: true })
        span('cache.load', event.time, {}, event.key, event.error)
        return
      case 'wait':
        waits.record(event.time, { ...attributes, where: event.where })
        span('cache.wait', event.time, { 'cache.where': event.where }, event.key)
        return
      case 'put':
        puts.record(event.time, { ...attributes, stored: event.stored })
        span('cache.put', event.time, { 'cache.stored': event.stored }, event.key)
        return
      case 'invalidate':
        invalidations.record(event.time, attributes)
        span('cache.invalidate', event.time, {})
        return
      case 'away':
      case 'back':
        breaks.add(1, { ...attributes, state: event.type })
        return
      case 'error':
        errors.add(1, attributes)
    }
  }
}
