/**
 * What is found at a start and stands in no record. Only what was removed on purpose is deleted: a record of the removal, written in one
 * transaction with it, says so. Anything else may be somebody's only copy: a folder is moved aside, a process is left alone, and both are told.
 */
import { basename, dirname } from 'node:path'
import type { GroupState } from '../../model/group.ts'
import { removedKey, removedPrefix } from '../../model/keys.ts'
import type { RemovedNode } from '../../model/records.ts'
import { eventOperations } from '../../ports/events.ts'
import { listRecords, remove } from '../../ports/records.ts'
import type { GroupContext } from './context.ts'

const goneDeadlineMs = 10_000
const batchSize = 200

type SweepContext = Pick<GroupContext, 'store' | 'host' | 'clock' | 'log' | 'place' | 'nodeFolders' | 'setAside' | 'unique'>

/** `nodes/us-east-1/demo-001` */
const nodeOf = (folder: string): { readonly region: string; readonly id: string } => ({
  region: basename(dirname(folder)),
  id: basename(folder),
})

/** On a full disk nothing can be written, and groups are looked after all the same. */
const unlessRefused = async (context: SweepContext, what: string, work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    context.log('warn', what, { error })
  }
}

const tell = (context: SweepContext, folder: string, message: string): Promise<void> => {
  const { region, id } = nodeOf(folder)
  const events = eventOperations(
    [{ region, source: 'cache-cluster', sourceId: id, message }],
    context.clock.now(),
    context.unique(),
  )
  return unlessRefused(context, 'an event could not be written', context.store.transact([], events))
}

const deleteRemoved = async (context: SweepContext, folder: string): Promise<void> => {
  for (const identity of await context.host.findByTag(`${folder}/`)) {
    context.log('warn', 'a process of a node that was removed is ended', { pid: identity.pid, folder })
    await context.host.signal(identity, `${folder}/`, 'SIGKILL')
    await context.host.waitGone(identity, AbortSignal.timeout(goneDeadlineMs))
  }
  await context.host.removeFolder(folder)
}

const leaveUnknown = async (context: SweepContext, folder: string): Promise<void> => {
  const [running] = await context.host.findByTag(`${folder}/`)
  if (running !== undefined) {
    context.log('error', 'a process of a node that is in no record was found and is left alone', { pid: running.pid, folder })
    await tell(context, folder, `Process ${running.pid} of an unknown cache node was found and left alone`)
    return
  }
  const place = await context.setAside(folder)
  context.log('error', 'the folder of a node that is in no record was found and is moved aside', { folder, place })
  await tell(context, folder, `The folder of an unknown cache node was found and moved to ${place}`)
}

/** Forgets removals of which nothing is left on the machine, so that their records do not pile up. `known`: folders of nodes that there are. */
export const pruneRemoved = async (
  context: Pick<SweepContext, 'store' | 'place' | 'nodeFolders'>,
  known: ReadonlySet<string> = new Set(),
): Promise<void> => {
  const { records } = await listRecords<RemovedNode>(context.store, removedPrefix)
  if (records.length === 0) return
  const left = new Set(await context.nodeFolders())
  const done = records.filter(({ value }) => {
    const { folder } = context.place(value.region, value.id)
    return !left.has(folder) || known.has(folder)
  })
  for (let from = 0; from < done.length; from += batchSize)
    await context.store.transact(
      [],
      done.slice(from, from + batchSize).map(({ key }) => remove(key)),
    )
}

/** Only folders inside this home, and processes whose command line names one of them, are looked at. */
export const sweep = async (context: SweepContext, states: readonly GroupState[]): Promise<void> => {
  const known = new Set(states.flatMap((state) => Object.keys(state.nodes).map((id) => context.place(state.region, id).folder)))
  for (const folder of await context.nodeFolders()) {
    if (known.has(folder)) continue
    const { region, id } = nodeOf(folder)
    const removed = await context.store.get(removedKey(region, id))
    await (removed === null ? leaveUnknown(context, folder) : deleteRemoved(context, folder))
  }
  await unlessRefused(context, 'records of removed nodes could not be removed', pruneRemoved(context, known))
}
