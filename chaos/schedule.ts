/** Which fault comes when, and upon whom. Depends on nothing but the seed and the shape of the groups. */
import { createDraw, type Draw } from './seeded.ts'

/** What a fault may be done to: a shard by its name (`cmd3/0001`), never a node: who is primary then is not known before. */
export interface Target {
  readonly key: string
  readonly group: string
  readonly kind: 'cmd' | 'cme'
  readonly replicas: number
}

export interface FaultShape {
  readonly name: string
  /** Most shards that it is done to at once, each of another group; 0: it is not done to shards. */
  readonly most: number
  readonly suits: (target: Target) => boolean
}

export interface RoundPlan {
  /** Counted from 1. */
  readonly round: number
  readonly fault: string
  readonly targets: readonly string[]
  /** Milliseconds of ordinary work before it. */
  readonly quietMs: number
  /** For what else is random in this round. */
  readonly draw: Draw
}

const longestQuietMs = 600

/** Every fault comes once, in an order of its own, before any comes again. */
export const planRound = (seed: number, round: number, faults: readonly FaultShape[], targets: readonly Target[]): RoundPlan => {
  const turn = Math.floor((round - 1) / faults.length)
  const fault = createDraw(seed, 1_000_000 + turn).shuffle(faults)[(round - 1) % faults.length]
  if (fault === undefined) throw new TypeError('expected at least one fault')
  const draw = createDraw(seed, round)
  const count = fault.most === 0 ? 0 : draw.whole(1, fault.most)
  const chosen: Target[] = []
  for (const target of draw.shuffle(targets.filter(fault.suits))) {
    if (chosen.length < count && chosen.every((other) => other.group !== target.group)) chosen.push(target)
  }
  return { round, fault: fault.name, targets: chosen.map((target) => target.key), quietMs: draw.whole(0, longestQuietMs), draw }
}
