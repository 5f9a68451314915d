/** Files that an engine could not load: how that is found out, and how they are kept when others take their place. */
import { isOutOfRoom, LarderError } from '../../errors.ts'
import type { NodeState } from '../../model/group.ts'
import { groupName } from '../../model/keys.ts'
import type { ActInput } from './act-input.ts'
import { changeNode } from './state-cell.ts'

/** An engine that dies of a damaged file says much: its report of a crash comes after the reason. */
const lastBytes = 32_768

const logFolder = 'appendonlydir'

/** Where nothing but a full disk harmed the log, the node starts from it: also one that has been started to come back from its disk had no fair try. */
const mendLog = async (input: ActInput, node: NodeState, folder: string): Promise<void> => {
  const { context, spec, cell, events } = input
  const about = { group: groupName(spec), node: node.id }
  const holes = await context.closeHoles(`${folder}/${logFolder}`).catch((error: unknown) => {
    // A long hole takes room when something is written in its place: it is tried again.
    if (isOutOfRoom(error))
      throw new LarderError(
        'engine-start',
        `the append-only file of node ${node.id} has holes, and the disk has no room to close them`,
        {
          cause: error,
          retry: true,
        },
      )
    context.log('warn', 'it could not be looked for holes in an append-only file', { ...about, error })
    return 0
  })
  if (holes === 0) return
  await cell.update(
    (state) =>
      changeNode(state, node.id, {
        damage: null,
        process: null,
        starting: false,
        ...(state.nodes[node.id]?.returning == null ? {} : { returning: null }),
      }),
    events.mended(spec, node.id),
  )
  context.log('warn', 'holes that a full disk left in an append-only file are closed', { ...about, holes })
  throw new LarderError('engine-start', `the append-only file of node ${node.id} had holes, which are closed: it starts anew`, {
    retry: true,
  })
}

/**
 * Has the process that this node had ended because of its files? Then that is written down, and thrown. The process is struck from the record with it: its
 * words are looked at once.
 */
export const learnDamage = async (input: ActInput, node: NodeState): Promise<void> => {
  const { context, spec, cell, events } = input
  if (node.process === null) return
  const { folder } = context.place(spec.region, node.id)
  const damage = context.adapter(node.engine).damageIn(await context.host.tail(`${folder}/engine.log`, lastBytes))
  if (damage === null) return
  const { files, said } = damage
  if (files.includes(logFolder)) await mendLog(input, node, folder)
  const { stamp = null } = await context.readPersisted(folder, node.parameters['appendonly'] === 'yes')
  const isNews = node.damage?.stamp !== stamp || node.damage?.said !== said
  await cell.update(
    (state) => changeNode(state, node.id, { damage: { files, said, stamp }, process: null, starting: false }),
    isNews ? events.damaged(spec, node.id, files) : [],
  )
  context.log('error', 'a node cannot load its files', { group: groupName(spec), node: node.id, files, said })
  throw new LarderError('engine-start', `node ${node.id} cannot load ${files.join(', ')}; it said: ${said}`, { retry: true })
}

const prefix = 'damaged-'
const mostKept = 3
/** Together, of the memory that the node may use. */
const mostShare = 2

/** The newest is always kept, others as long as they are few and small enough. */
const forgetOldest = async (input: ActInput, folder: string): Promise<void> => {
  const { host } = input.context
  const kept = (await host.listFolder(folder)).filter((name) => name.startsWith(prefix)).toSorted()
  const sizes = await Promise.all(kept.map((name) => host.sizeOf(`${folder}/${name}`)))
  const most = input.wanted.maxMemoryBytes * mostShare
  let together = 0
  for (let at = kept.length - 1; at >= 0; at -= 1) {
    together += sizes[at] ?? 0
    const isNewest = at === kept.length - 1
    if (!isNewest && (kept.length - at > mostKept || together > most)) await host.removeFolder(`${folder}/${kept[at]}`)
  }
}

/** Moves these files of a node beside, into a folder of their own. What is not there any more was moved before. */
export const setAside = async (input: ActInput, node: NodeState, files: readonly string[]): Promise<void> => {
  const { context, spec, cell, events } = input
  const { folder } = context.place(spec.region, node.id)
  const name = `${prefix}${new Date(context.clock.now()).toISOString().replaceAll(':', '-')}`
  await context.host.makeFolder(`${folder}/${name}`)
  const moved: string[] = []
  for (const file of files) if (await context.host.move(`${folder}/${file}`, `${folder}/${name}/${file}`)) moved.push(file)
  await cell.update(
    (state) => changeNode(state, node.id, { damage: null }),
    moved.length === 0 ? [] : events.setAside(spec, node.id, moved, `${folder}/${name}`),
  )
  context.log('warn', 'files that a node cannot load are set aside', {
    group: groupName(spec),
    node: node.id,
    files: moved,
    name,
  })
  await forgetOldest(input, folder)
}
