/** By OpenTelemetry's own SDK, on a real server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { createCache } from '../index.ts'
import { openServers } from '../testing/servers.ts'
import { observeByOpenTelemetry } from './index.ts'

test('reads, loads, waits, writes and failures become metrics and spans', async () => {
  await using servers = await openServers()
  const { url } = await servers.start()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  })
  const spans = new InMemorySpanExporter()
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const observe = observeByOpenTelemetry({
    meter: provider.getMeter('cache'),
    tracer: tracing.getTracer('cache'),
    attributes: { 'cache.name': 'test' },
    nameOf: (key) => key.split(':')[0] ?? '',
  })
  const cache = await createCache({ url, observe })
  const load = async () => 1
  await Promise.all([cache.get('user:1', load, { tags: ['t'] }), cache.get('user:1', load, { tags: ['t'] })])
  await cache.get('user:1', load, { tags: ['t'] })
  await cache.invalidate(['t'])
  await cache.get('user:1', load, { tags: ['t'] })
  await cache.put('user:2', 2, async () => undefined)
  await assert.rejects(cache.get('user:3', () => Promise.reject(new TypeError('the source is down'))))
  await cache.close()
  await provider.forceFlush()

  const points = (
    name: string,
  ): readonly { readonly value: unknown; readonly attributes: Readonly<Record<string, unknown>> }[] => {
    const metrics =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
    return metrics.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => dataPoints as never)
  }
  const reads = (result: string, reason?: string) =>
    points('cache.reads').find(({ attributes }) => attributes['result'] === result && attributes['reason'] === reason)?.value
  assert.equal(reads('hit'), 1)
  assert.equal(reads('miss', 'invalidated'), 1)
  assert.ok(points('cache.reads').every(({ attributes }) => attributes['cache.name'] === 'test'))
  const countOf = (name: string) => points(name).reduce((sum, { value }) => sum + ((value as { count: number }).count ?? 0), 0)
  assert.deepEqual(
    [countOf('cache.load.duration'), countOf('cache.put.duration'), countOf('cache.invalidate.duration')],
    [3, 1, 1],
  )
  const names = spans.getFinishedSpans().map(({ name }) => name)
  assert.deepEqual([...new Set(names)].sort(), ['cache.invalidate', 'cache.load', 'cache.put'])
  const broken = spans.getFinishedSpans().find(({ status }) => status.message === 'the source is down')
  assert.equal(broken?.events[0]?.name, 'exception')
  assert.equal(broken?.attributes['cache.key'], 'user')
  await Promise.all([provider.shutdown(), tracing.shutdown()])
})
