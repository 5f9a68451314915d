/** What is opened of a home before anything else: the lock, the state, the keys, the log. */
import type { NodePlace } from '../controllers/groups/context.ts'
import { checkFiles, openState } from '../controllers/recovery/opening.ts'
import { isOutOfRoom, LarderError } from '../errors.ts'
import { claimBlock } from '../home/blocks.ts'
import type { Home } from '../home/home.ts'
import { lastService, lockHome, type ServiceInfo, writeService } from '../home/lock.ts'
import { openSealKey } from '../home/seal-key.ts'
import { openSecrets } from '../home/secrets.ts'
import { freeBytesAt } from '../host/disk-room.ts'
import { livesElsewhere, ownIdentity } from '../host/service-process.ts'
import { larderVersion } from '../model/version.ts'
import { bounds, openLines } from '../observe/lines.ts'
import { createLog, type SummingLog } from '../observe/log.ts'
import type { Host } from '../ports/host.ts'
import type { Log } from '../ports/log.ts'
import { createSealer } from '../security/seal.ts'
import { openReserve } from '../store/reserve.ts'
import { systemClock } from './clock.ts'

export const fileLog = (home: Home): SummingLog => createLog(openLines(home.logFile, bounds.log).append, systemClock.now)

export const placeIn =
  (home: Home) =>
  (region: string, nodeId: string): NodePlace => {
    const folder = home.nodeFolder(region, nodeId)
    return { folder, socket: home.socket(region, nodeId), tag: `${folder}/` }
  }

/** A start writes less. SQLite does not always say why it could not. */
const leastBytes = 65_536
const isForRoom = (home: Home, error: unknown): boolean =>
  isOutOfRoom(error) || (error instanceof LarderError && error.code === 'store-failed' && freeBytesAt(home.path) < leastBytes)

const withoutRoom = (home: Home, error: unknown): LarderError =>
  new LarderError(
    'machine',
    `expected room on the disk of ${home.path}, found ${freeBytesAt(home.path)} bytes (${error instanceof Error ? error.message : String(error)}). ` +
      'Nothing was changed, and engines go on. Make room, and do it again',
    { cause: error },
  )

/** The lock is held: what is kept for the state may be given up, and whatever failed be done once more. Throws what to do where that does not help. */
const makeRoom = (home: Home, error: unknown): void => {
  if (!isForRoom(home, error)) throw error
  if (!openReserve(`${home.stateFile}.reserve`).release()) throw withoutRoom(home, error)
}

/** Alone in the home from now on. Throws `store-busy`, and `machine` where the disk has no room to say so. */
export const takeHome = (home: Home, task: NonNullable<ServiceInfo['task']>) => {
  const lock = lockHome(home)
  const last = lastService(home)
  if (last !== null && livesElsewhere(last)) {
    lock.release()
    throw new LarderError(
      'store-busy',
      `expected to be the only service of ${home.path}, found process ${last.pid} (larder ${last.task ?? 'up'}), whose lock was removed; end it first`,
    )
  }
  // At once: what a killed service left there names a process that may be somebody else's by now.
  const self = { ...ownIdentity(), task, startedAt: systemClock.now() }
  const write = (): void => writeService(home, { ...self, url: null })
  try {
    try {
      write()
    } catch (error) {
      makeRoom(home, error)
      write()
    }
  } catch (error) {
    lock.release()
    throw isOutOfRoom(error) && !(error instanceof LarderError) ? withoutRoom(home, error) : error
  }
  return { lock, self }
}

/** The state and the keys of a home, all of one day; refused with what to do where they are not. The state comes first: a home is new without one. */
export const openHomeFiles = async (home: Home, environment: NodeJS.ProcessEnv, host: Host, log: Log) => {
  const state = await openState({ home, host, clock: systemClock, log, version: larderVersion })
  try {
    await checkFiles(home, state.store, environment)
    const secrets = openSecrets(home)
    const sealer = createSealer(openSealKey(home, environment))
    const { entries } = await state.store.list('address/')
    const addresses = entries.map(({ key }) => key.slice('address/'.length))
    const block = claimBlock(home, environment['LARDER_BLOCKS_FOLDER'], addresses)
    return { state, secrets, sealer, block }
  } catch (error) {
    await state.close()
    throw error
  }
}

/** Opens what a home has; on a full disk once more with the room that is kept for the state. Throws `machine` where that is not enough. */
export const onAnyDisk = async <T>(home: Home, open: () => Promise<T>): Promise<T> => {
  try {
    return await open()
  } catch (error) {
    makeRoom(home, error)
  }
  try {
    return await open()
  } catch (error) {
    throw isForRoom(home, error) ? withoutRoom(home, error) : error
  }
}
