/**
 * The scale of it: groups of one primary and two replicas over three zones, and one zone lost at once: until the last group takes writes at its
 * primary endpoint, and until all of them are whole again.
 */
import { connect, type Socket } from 'node:net'
import { startTestService } from '../e2e/support/service.ts'
import { type Place, untilDone } from './support/asking.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { create, endpointOf, isWhole, openWatcher, type Seen, type Watcher } from './support/failover-groups.ts'
import { median, percentile, round } from './support/figures.ts'

const sizes = [20, 60, 120, 200]
const nodesOfGroup = 3
const everyMs = 50
const retryMs = 10
const createdAtOnce = 6
const deadlineMs = 120_000

interface Writer extends Disposable {
  mark(): void
  /** From the mark to the first acknowledgement of a write that was sent after it; null: none yet. */
  readonly backMs: number | null
}

/** A connection that writes now and then and connects again when it is lost: as light as a client can be, since there are many. */
const openWriter = ({ address, port }: Place): Writer => {
  let marked = performance.now()
  let back: number | null = null
  let sentAfter = 0
  let socket: Socket | null = null
  let going = true
  const open = (): void => {
    if (!going) return
    let sent: number[] = []
    const opened = connect({ host: address, port, noDelay: true })
    socket = opened
    const write = (): void => {
      if (opened.destroyed) return
      sent.push(performance.now())
      opened.write('SET light 1\r\n')
    }
    const timer = setInterval(write, everyMs)
    opened.on('connect', write)
    opened.on('data', (chunk: Buffer) => {
      for (const answer of chunk.toString('latin1').split('\r\n')) {
        if (answer === '') continue
        const at = sent.shift() ?? 0
        if (answer === '+OK' && at > marked) {
          sentAfter += 1
          back ??= performance.now() - marked
        }
      }
    })
    opened.on('error', () => undefined) // told by the end
    opened.on('close', () => {
      clearInterval(timer)
      sent = []
      setTimeout(open, retryMs)
    })
  }
  open()
  return {
    mark: () => {
      marked = performance.now()
      back = null
      sentAfter = 0
    },
    get backMs() {
      return sentAfter > 0 ? back : null
    },
    [Symbol.dispose]: () => {
      going = false
      socket?.destroy()
    },
  }
}

const zoneOf = ({ spec, state }: Seen): string => {
  const primary = state.shards['0001']?.primary
  return spec.shards[0]?.nodes.find((node) => node.id === primary)?.zone ?? ''
}

const pidsIn = (seen: readonly Seen[], zone: string): readonly number[] =>
  seen.flatMap(({ spec, state }) =>
    spec.shards.flatMap((shard) =>
      shard.nodes.flatMap((node) => {
        const pid = state.nodes[node.id]?.process?.pid
        return node.zone === zone && pid !== undefined ? [pid] : []
      }),
    ),
  )

/** The zone with the most primaries. */
const busiestZone = (seen: readonly Seen[]): string => {
  const zones = seen.map(zoneOf)
  return zones.toSorted((a, b) => zones.filter((each) => each === b).length - zones.filter((each) => each === a).length)[0] ?? ''
}

interface Loss {
  readonly affected: number
  readonly medianMs: number
  readonly lastMs: number
  readonly wholeMs: number
}

const lose = async (watcher: Watcher, signal: AbortSignal): Promise<Loss> => {
  signal.throwIfAborted()
  const seen = await watcher.all()
  const zone = busiestZone(seen)
  const affected = seen.filter((each) => zoneOf(each) === zone)
  const writers = affected.map((each) => openWriter(endpointOf(each)))
  try {
    const allBack = async (): Promise<boolean> => writers.every((writer) => writer.backMs !== null)
    for (const writer of writers) writer.mark()
    await untilDone('all writers write', allBack, deadlineMs)
    const pids = pidsIn(seen, zone)
    const began = performance.now()
    for (const writer of writers) writer.mark()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await untilDone('all groups write again', allBack, deadlineMs)
    const backs = writers.map((writer) => writer.backMs ?? 0)
    await untilDone(
      'all groups are whole',
      async () => (await Promise.all((await watcher.all()).map(isWhole))).every(Boolean),
      deadlineMs,
    )
    return {
      affected: affected.length,
      medianMs: median(backs),
      lastMs: Math.max(...backs),
      wholeMs: performance.now() - began,
    }
  } finally {
    for (const writer of writers) writer[Symbol.dispose]()
  }
}

export const runZoneLoss = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  await using watcher = openWatcher(service, signal)
  const rows: Readonly<Record<string, number>>[] = []
  let groups = 0
  say('nodes  primaries lost   median group back   last group back   all whole   (milliseconds, median of the rounds)')
  for (const size of sizes) {
    while (groups < Math.floor(size / nodesOfGroup)) {
      signal.throwIfAborted()
      const batch = Array.from(
        { length: Math.min(createdAtOnce, Math.floor(size / nodesOfGroup) - groups) },
        (_, index) => groups + index,
      )
      for (const index of batch) await create(service, { id: `zone-${index}`, shards: null, replicas: nodesOfGroup - 1 })
      groups += batch.length
      await untilDone('the groups are there', async () => (await watcher.all()).length === groups, deadlineMs)
      await untilDone(
        'the groups are whole',
        async () => (await Promise.all((await watcher.all()).map(isWhole))).every(Boolean),
        deadlineMs,
      )
    }
    const losses: Loss[] = []
    for (let turn = 0; turn < rounds; turn += 1) losses.push(await lose(watcher, signal))
    const row = {
      nodes: groups * nodesOfGroup,
      primaries_lost: median(losses.map((loss) => loss.affected)),
      median_group_ms: round(median(losses.map((loss) => loss.medianMs)), 0),
      last_group_ms: round(median(losses.map((loss) => loss.lastMs)), 0),
      last_group_worst_ms: round(
        percentile(
          losses.map((loss) => loss.lastMs),
          1,
        ),
        0,
      ),
      whole_ms: round(median(losses.map((loss) => loss.wholeMs)), 0),
    }
    rows.push(row)
    say(
      `${String(row.nodes).padStart(5)}${String(row.primaries_lost).padStart(16)}${String(row.median_group_ms).padStart(20)}${String(row.last_group_ms).padStart(18)}${String(row.whole_ms).padStart(12)}`,
    )
  }
  return { rounds, rows }
}
