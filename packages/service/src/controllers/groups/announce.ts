/**
 * Cluster mode: a replica is made known to clients at once, and not with the next message of the bus that happens to
 * tell it. A known node that is introduced again tells its role and offset, and hears those of the other; the bus does
 * so within a tenth of a second, so that comes first.
 */
import type { Action } from '../../decide/actions.ts'
import { LarderError } from '../../errors.ts'
import { steadyMs } from '../../ports/clock.ts'
import type { EngineControl } from '../../ports/engine.ts'
import type { ActInput } from './act-input.ts'
import { control, nodeOf } from './roles.ts'

type Announcement = Pick<Extract<Action, { do: 'announce' }>, 'node' | 'primary' | 'others'>

const pollMs = 10
/** An offset that has not moved by then is moved again: a replica may have come after the command. */
const againMs = 20
/** The bus looks for new neighbours ten times a second. */
const roundMs = 150
/** After that it is looked at again, and tried again. */
const withinMs = 1_000

const offsetOf = async (engine: EngineControl): Promise<number> => (await engine.status()).replication?.offset ?? 0

/** Neither is waited for: a primary answers when all replicas have answered, or later. */
const moveOffsets = (input: ActInput, ...nodes: readonly string[]): void => {
  for (const node of nodes) {
    control(input, node)
      .then((engine) => engine.moveOffset())
      .catch((error: unknown) => input.context.log('debug', 'an offset could not be moved', { node, error }))
  }
}

/** Introduces it, and sees to it that it has an offset to tell. */
const introduce = async (input: ActInput, { node: id, primary, others }: Announcement, withinMs: number): Promise<void> => {
  const { clock } = input.context
  const replica = await control(input, id)
  const places = others.filter((other) => other !== id).map((other) => nodeOf(input, other))
  await replica.meet(places)
  const deadline = steadyMs(clock) + withinMs
  while (!input.interrupted() && steadyMs(clock) < deadline && (await offsetOf(replica)) === 0) {
    moveOffsets(input, primary, id)
    await clock.sleep(againMs)
  }
}

/** Nodes that do not name it yet. */
const notNaming = async (input: ActInput, { node: id, primary, others }: Announcement): Promise<readonly string[]> => {
  const [mine, followed] = [nodeOf(input, id).clusterNodeId ?? '', nodeOf(input, primary).clusterNodeId]
  const names = async (other: string): Promise<boolean> => {
    const { cluster } = await (await control(input, other)).status(withinMs, true)
    const isReplica = cluster?.nodes.some((node) => node.id === mine && node.primaryId === followed)
    return isReplica === true && cluster?.named?.includes(mine) === true
  }
  const found = await Promise.all(others.map(names))
  return others.filter((_other, index) => found[index] === false)
}

/** A node that does not answer now is looked at again later. */
const unlessSilent = async (input: ActInput, node: string, work: Promise<void>): Promise<void> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    input.context.log('debug', 'a replica could not be announced', { node, error })
  }
}

export const announce = async (input: ActInput, action: Announcement): Promise<void> => {
  const { clock } = input.context
  const deadline = steadyMs(clock) + withinMs
  const rounds = async (): Promise<void> => {
    let others = action.others
    while (others.length > 0 && !input.interrupted() && steadyMs(clock) < deadline) {
      const end = steadyMs(clock) + roundMs
      await introduce(input, { ...action, others }, roundMs)
      while (others.length > 0 && !input.interrupted() && steadyMs(clock) < end) {
        others = await notNaming(input, { ...action, others })
        if (others.length > 0) await clock.sleep(pollMs)
      }
    }
  }
  await unlessSilent(input, action.node, rounds())
}

/** One that has just started is introduced while it copies its data: what is missing then is announced when it has. */
export const announceEarly = (input: ActInput, node: string, primary: string): Promise<void> => {
  const others = Object.values(input.cell.value.nodes).flatMap((other) =>
    other.process === null || other.id === node ? [] : [other.id],
  )
  // Nobody waits for it: a failure is told here, and the decision announces what is missing.
  return introduce(input, { node, primary, others }, withinMs).catch((error: unknown) =>
    input.context.log('debug', 'a replica could not be announced early', { node, error }),
  )
}
