/** Write under load the whole time, each one write after the other, and keep what became of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { type Client, Refused } from './clients.ts'
import type { Outcome, Witness, Write } from './history.ts'

export interface WriterPlan {
  readonly name: string
  readonly shard: string
  /** Begins every list, so that it belongs to the shard: `{tag}`. */
  readonly tag: string
  readonly client: Client
  /** Rest between two writes. */
  readonly pauseMs: number
  /** As applications do, through an endpoint; not at a node's own address. */
  readonly application: boolean
}

export interface Writers {
  /** From now on into lists of this round. Resolves when no write into earlier ones is under way. */
  enter(round: number): Promise<void>
  /** Acknowledgements of writers of applications: begin and end of the last write of each. */
  lastAcknowledged(shard: string): readonly { readonly writer: string; readonly start: number; readonly end: number }[]
  stop(): Promise<void>
}

/** A client may try longer than this; nobody waits for it. */
const writeDeadlineMs = 5_000
/** A refused write is tried again no faster than this. */
const refusedPauseMs = 10

const within = async <T>(work: Promise<T>, deadlineMs: number): Promise<T> => {
  const timer = new AbortController()
  const late = delay(deadlineMs, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw new Error(`no answer within ${deadlineMs} ms`)
  })
  late.catch(() => undefined) // ended below
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}

export const startWriters = (plans: readonly WriterPlan[], keep: (write: Write) => void): Writers => {
  let round = 0
  let going = true
  /** Writer to the round of the write that is under way. */
  const underWay = new Map<string, number>()
  const last = new Map<string, { readonly writer: string; readonly start: number; readonly end: number }>()

  const writeOnce = async (plan: WriterPlan, id: string): Promise<Outcome> => {
    const list = `${plan.tag}:${plan.name}:${round}`
    const at = round
    underWay.set(plan.name, at)
    const start = performance.now()
    let outcome: Outcome = 'acknowledged'
    let witness: Witness | null = null
    let why: string | null = null
    try {
      witness = await within(plan.client.append(list, id), writeDeadlineMs)
    } catch (error) {
      outcome = error instanceof Refused ? 'refused' : 'unknown'
      why = error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 120) : String(error)
    }
    const end = performance.now()
    if (outcome === 'acknowledged' && plan.application) last.set(plan.name, { writer: plan.name, start, end })
    keep({ id, shard: plan.shard, writer: plan.name, list, round: at, start, end, outcome, witness, why })
    underWay.delete(plan.name)
    return outcome
  }

  const run = async (plan: WriterPlan): Promise<void> => {
    for (let count = 1; going; count += 1) {
      const outcome = await writeOnce(plan, `${plan.name}-${count}`)
      await delay(outcome === 'acknowledged' ? plan.pauseMs : Math.max(plan.pauseMs, refusedPauseMs))
    }
  }
  const running = plans.map(run)
  for (const each of running) each.catch(() => undefined) // told by `stop`

  return {
    async enter(next) {
      round = next
      const deadline = performance.now() + 2 * writeDeadlineMs * slowness
      while ([...underWay.values()].some((earlier) => earlier < next)) {
        if (performance.now() > deadline) throw new Error('expected every write to come to an end')
        await delay(2)
      }
    },
    lastAcknowledged: (shard) =>
      plans
        .filter((plan) => plan.application && plan.shard === shard)
        .map((plan) => last.get(plan.name) ?? { writer: plan.name, start: -1, end: -1 }),
    async stop() {
      going = false
      for (const { client } of plans) client.close()
      await Promise.all(running)
    },
  }
}
