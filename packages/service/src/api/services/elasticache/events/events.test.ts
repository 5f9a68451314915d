import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { clusterEvents, parameterGroupEvents, replicationGroupEvents } from '../../../../model/events.ts'
import { eventOperation } from '../../../../ports/events.ts'
import { region, rejects, type TestContext, testContext } from '../test-context.ts'
import { describeEvents } from './describe.ts'

const now = Date.UTC(2026, 10, 20, 12)
const minute = 60_000
const day = 24 * 60 * minute

/** One event `ago` milliseconds before now. */
const tell = (
  context: TestContext,
  happening: ReturnType<ReturnType<typeof clusterEvents>['created']>,
  ago: number,
  unique = '00000000',
) => context.store.transact([], [eventOperation({ ...happening, date: now - ago }, unique)])

const messages = async (context: TestContext, input: Parameters<typeof describeEvents>[0]) =>
  (await describeEvents(input, context)).Events?.map((event) => event.Message)

const cluster = clusterEvents(region, 'mine')

/** `-5m`, `-2h`, … : removed nodes named after how long ago they were removed. */
const withAges = async (...minutes: number[]): Promise<TestContext> => {
  const context = testContext()
  for (const age of minutes) await tell(context, cluster.nodesRemoved([`-${age}m`]), age * minute)
  return context
}
const ages = async (context: TestContext, input: Parameters<typeof describeEvents>[0]) =>
  (await messages(context, input))?.map((message) => Number(message?.match(/-(\d+)m/)?.[1]))

const ago = (minutes: number): Date => new Date(now - minutes * minute)

describe('DescribeEvents', () => {
  it('answers with every member of an event', async () => {
    const context = testContext()
    await tell(context, cluster.created(), 5 * minute)
    assert.deepEqual((await describeEvents({}, context)).Events, [
      { SourceIdentifier: 'mine', SourceType: 'cache-cluster', Message: 'Cache cluster created', Date: ago(5) },
    ])
  })

  it('shows the last hour, the newest first, when it is asked for nothing else', async () => {
    assert.deepEqual(await ages(await withAges(0, 59, 60, 61), {}), [0, 59, 60])
  })

  it('counts a duration in minutes back from now', async () => {
    assert.deepEqual(await ages(await withAges(1, 90, 200), { Duration: 120 }), [1, 90])
  })

  it('takes a start alone up to now, an end alone with the hour before it, and both with their ends', async () => {
    const context = await withAges(1, 60, 120, 150, 180)
    assert.deepEqual(await ages(context, { StartTime: ago(120) }), [1, 60, 120])
    assert.deepEqual(await ages(context, { EndTime: ago(120) }), [120, 150, 180])
    assert.deepEqual(await ages(context, { StartTime: ago(150), EndTime: ago(60) }), [60, 120, 150])
  })

  it('lets a duration give way to a start or an end', async () => {
    const context = await withAges(1, 60, 120, 200)
    assert.deepEqual(await ages(context, { StartTime: ago(120), Duration: 5 }), [1, 60, 120])
    assert.deepEqual(await ages(context, { EndTime: ago(60), Duration: 300 }), [60, 120])
  })

  it('shows nothing older than 14 days, even before it is removed', async () => {
    const context = await withAges(1, 14 * 24 * 60, 14 * 24 * 60 + 1)
    assert.deepEqual(await ages(context, { Duration: 14 * 24 * 60 }), [1, 14 * 24 * 60])
    assert.deepEqual(await ages(context, { StartTime: new Date(0) }), [1, 14 * 24 * 60])
  })

  it('filters by kind and by name', async () => {
    const context = testContext()
    await tell(context, clusterEvents(region, 'same').created(), 3 * minute)
    await tell(context, clusterEvents(region, 'other').created(), 2 * minute)
    await tell(context, replicationGroupEvents(region, 'same').created(), minute)
    await tell(context, parameterGroupEvents(region, 'same').created(), 0)
    assert.deepEqual(await messages(context, { SourceType: 'cache-cluster' }), ['Cache cluster created', 'Cache cluster created'])
    assert.deepEqual(await messages(context, { SourceType: 'replication-group', SourceIdentifier: 'SAME' }), [
      'Replication group same created',
    ])
    assert.deepEqual(await messages(context, { SourceType: 'user' }), [])
  })

  it('sees only its own region', async () => {
    const context = testContext()
    await tell(context, clusterEvents('us-east-1', 'c').created(), 0)
    assert.deepEqual(await messages(context, {}), [])
  })

  it('refuses what contradicts itself or cannot be', async () => {
    const context = testContext()
    const bad = (shape: string, input: object, message: RegExp) =>
      rejects(context, () => describeEvents(input, context), shape, message)
    await bad('InvalidParameterCombinationException', { SourceIdentifier: 'mine' }, /SourceType/)
    await bad('InvalidParameterCombinationException', { StartTime: ago(1), EndTime: ago(2) }, /later than the end time/)
    await bad('InvalidParameterValueException', { SourceType: 'cache-node' }, /SourceType/)
    for (const Duration of [0, -1, 14 * 24 * 60 + 1, 1.5]) await bad('InvalidParameterValueException', { Duration }, /Duration/)
    await bad('InvalidParameterValueException', { StartTime: new Date(Number.NaN) }, /StartTime/)
    await bad('InvalidParameterValueException', { MaxRecords: 5 }, /MaxRecords/)
    await bad('InvalidParameterValueException', { Marker: Buffer.from('event/x').toString('base64') }, /marker/)
  })

  it('neither loses nor repeats an event from page to page, while time goes on and events are added', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3_600 }), { maxLength: 130 }),
        fc.integer({ min: 20, max: 60 }),
        async (seconds, MaxRecords) => {
          const context = testContext()
          context.setTime(now)
          for (const [i, second] of seconds.entries()) {
            await tell(context, cluster.nodesRemoved([String(i)]), second * 1_000, i.toString(16).padStart(8, '0'))
          }
          const seen: (string | undefined)[] = []
          let Marker: string | undefined
          let turn = 0
          do {
            const page = await describeEvents({ MaxRecords, Marker }, context)
            seen.push(...(page.Events ?? []).map((event) => event.Message))
            Marker = page.Marker
            turn += 1
            context.setTime(now + turn * 10 * minute)
            await tell(context, cluster.created(), -turn * minute)
          } while (Marker !== undefined)
          assert.deepEqual(seen.toSorted(), seconds.map((_, i) => `Removed cache nodes ${i}`).sort())
        },
      ),
      { numRuns: 30 },
    )
  })

  it('reads on where there are more events than one piece of the store holds', async () => {
    const context = testContext()
    const many = Array.from({ length: 2_100 }, (_, i) =>
      eventOperation({ ...cluster.created(), date: now - (i % 50) * 1_000 }, i.toString(16).padStart(8, '0')),
    )
    await context.store.transact([], many)
    let count = 0
    let Marker: string | undefined
    do {
      const page = await describeEvents({ Marker, StartTime: new Date(now - day) }, context)
      count += page.Events?.length ?? 0
      Marker = page.Marker
    } while (Marker !== undefined)
    assert.equal(count, 2_100)
  })
})
